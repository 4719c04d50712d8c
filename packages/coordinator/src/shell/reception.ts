import { randomUUID } from 'node:crypto';
import { decodeEnvelope, type Envelope, encodeEnvelope, GantryError } from '@gantry/common';
import { REFUSALS_TOLD } from '../core/constants.js';
import type { CoordinatorEvent } from '../core/events.js';
import { type CoordinatorState, memberByPeer } from '../core/state.js';
import { type DataClient, type DataMessage, isDataMessage } from './data-supply.js';
import { identify, refusalOf } from './identify.js';

/** What frames are judged by, and where they go. */
export interface ReceptionPort {
  readonly runId: string;
  state(): CoordinatorState;
  post(event: CoordinatorEvent): void;
  send(peer: string, frame: Uint8Array): Promise<boolean>;
  /** A member's word about the data set. @returns which rule it breaks; null: none */
  supply(client: DataClient, message: DataMessage): string | null;
  warn(message: string): void;
  /** A local worker's process has ended, or is about to. */
  isEnding(worker: string): Promise<boolean>;
}

/** Between the control socket and the core: frames become events, connections that break become losses. */
export class Reception {
  readonly #port: ReceptionPort;
  /** Messages that were not of the key they said. */
  #refused = 0;

  constructor(port: ReceptionPort) {
    this.#port = port;
  }

  /** Takes a frame from the socket. A stranger's nonsense is dropped; a member's is the core's to judge. */
  receive(peer: string, frame: Uint8Array, name: string | null): void {
    const nowMs = performance.now();
    try {
      const envelope = this.#identify({ peer, name }, decodeEnvelope(frame));
      if (envelope === null) return;
      if (isDataMessage(envelope.body)) {
        this.#supply(peer, envelope.body);
        return;
      }
      if (envelope.body.kind === 'heartbeat') this.#echo(peer, envelope.body.session);
      const freshId = envelope.body.kind === 'hello' ? randomUUID() : '';
      this.#port.post({ type: 'message', nowMs, peer, envelope, freshId });
    } catch (error) {
      if (!(error instanceof GantryError) || memberByPeer(this.#port.state(), peer) === undefined) return;
      this.#port.post({ type: 'nonsense', nowMs, peer, code: error.code, message: error.message });
    }
  }

  /** Past the core, whose effects may wait for the disk: it decides nothing by where a worker's data comes from. */
  #supply(peer: string, message: DataMessage): void {
    const member = memberByPeer(this.#port.state(), peer);
    if (member === undefined) return;
    const { worker, host } = member;
    const problem = this.#port.supply({ peer, worker, host }, message);
    if (problem !== null) throw new GantryError('GANTRY_PROTOCOL_INVALID', `a request for data ${problem}`);
  }

  /** A connection broke. If that is because a process of ours has ended, its exit says more, however busy this machine is. */
  async lose(peer: string): Promise<void> {
    const member = memberByPeer(this.#port.state(), peer);
    if (member?.local === true && (await this.#port.isEnding(member.worker))) return;
    this.#port.post({ type: 'disconnected', nowMs: performance.now(), peer });
  }

  /** The message, if it is of the key that it says; null: it was refused. */
  #identify({ peer, name }: { peer: string; name: string | null }, envelope: Envelope): Envelope | null {
    if (name === null) return envelope;
    const identified = identify(this.#port.state(), { peer, name }, envelope);
    if ('envelope' in identified) return identified.envelope;
    void this.#port.send(peer, refusalOf(this.#port.runId, identified.refusal));
    if (++this.#refused <= REFUSALS_TOLD) this.#port.warn(`refused a message: ${identified.refusal}`);
    return null;
  }

  /** Answers a heartbeat at once: effects that wait for the disk must not make a member believe that nobody is there. */
  #echo(peer: string, session: string): void {
    const frame = this.#port.state().stage === 'failed' ? null : this.probe(peer);
    if (frame !== null && memberByPeer(this.#port.state(), peer)?.session === session)
      void this.#port.send(peer, frame);
  }

  /** A frame that a member expects at any time: the answer to a heartbeat. */
  probe(peer: string): Uint8Array | null {
    const member = memberByPeer(this.#port.state(), peer);
    if (member === undefined) return null;
    const { session } = member;
    return encodeEnvelope({
      runId: this.#port.runId,
      generation: this.#port.state().generation,
      update: 0,
      body: { kind: 'heartbeat', session, phase: 'ready', workingUpdate: 0, progress: 0, phaseMs: 0 },
    });
  }
}
