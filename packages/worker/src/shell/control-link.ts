import { createHash } from 'node:crypto';
import { ControlWords } from '@gantry/collective';
import { decodeEnvelope, type Envelope, encodeEnvelope, GantryError, type Message, type Welcome } from '@gantry/common';
import type { Dealer } from 'zeromq';
import { CONNECT_MS_MAX, LINGER_MS, STARTING_LEASES, STATE_BYTES_MAX } from '../constants.js';
import { CoordinatorWatch } from '../core/coordinator-watch.js';
import { acceptChunk, type StateAssembly } from '../core/state-assembly.js';
import { connectControl } from './control-connection.js';
import type { ControlThreadData, FromControl } from './control-messages.js';
import { Outbox } from './outbox.js';
import { ProgressWords } from './progress-words.js';
import { stateChunks } from './state-stream.js';

/**
 * The worker's end of the control plane: it lives in a thread that no engine call can block. It beats, notices that the
 * coordinator is gone, turns Abort, Stop and StopRequest into control words at once, and passes everything else on.
 */
export class ControlLink {
  readonly #data: ControlThreadData;
  readonly #post: (message: FromControl, transfer?: readonly ArrayBuffer[]) => void;
  readonly #control: ControlWords;
  readonly #progress: ProgressWords;
  readonly #socket: Dealer;
  readonly #outbox: Outbox;
  readonly #hashes = new Map<number, string>();
  #watch: CoordinatorWatch | null = null;
  #timer: NodeJS.Timeout;
  #welcome: Welcome | null = null;
  #leaseMs = 0;
  #runId = '';
  #generation = 0;
  #incoming: StateAssembly | null = null;
  #refused = false;
  #closed = false;

  constructor(data: ControlThreadData, post: (message: FromControl, transfer?: readonly ArrayBuffer[]) => void) {
    this.#data = data;
    this.#post = post;
    this.#control = new ControlWords(data.controlBuffer);
    this.#progress = new ProgressWords(data.progressBuffer);
    const { socket, sink, silence } = connectControl(data, (message) => this.#refuse(message));
    this.#socket = socket;
    this.#outbox = new Outbox(sink, (error) => this.#fail(error));
    this.#timer = setTimeout(() => this.lose(silence()), CONNECT_MS_MAX);
    this.send(data.hello);
    void this.#receive();
  }

  send(message: Message): void {
    if (this.#closed) return;
    try {
      this.#outbox.push(this.#encode(message));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Hashes and sends a state while training goes on; `delivered` is posted when the coordinator has it. */
  stream(update: number, state: ArrayBuffer): void {
    const bytes = new Uint8Array(state);
    const remember = (sha256: string): void => void this.#hashes.set(update, sha256);
    this.#outbox.pushBulk(stateChunks({ update, bytes }, (message) => this.#encode(message), remember));
  }

  /** Gives the coordinator up: ends every wait of the main thread, then tells it why. */
  lose(message: string): void {
    if (this.#closed || this.#control.aborted) return;
    this.#control.abort();
    this.#post({ type: 'lost', message });
  }

  /** Sends what is queued, then frees the socket: a thread must not end while it holds one. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.race([this.#outbox.drained(), new Promise((resolve) => setTimeout(resolve, LINGER_MS).unref())]);
    this.#socket.close();
  }

  #encode(body: Message): Uint8Array {
    const update = this.#progress.committed;
    return encodeEnvelope({ runId: this.#runId, generation: this.#generation, update, body });
  }

  async #receive(): Promise<void> {
    try {
      for await (const [frame] of this.#socket) this.#onFrame(frame as Uint8Array);
    } catch (error) {
      this.#fail(error);
    }
  }

  #onFrame(frame: Uint8Array): void {
    try {
      const envelope = decodeEnvelope(frame);
      this.#watch?.heard();
      if (this.#isStale(envelope)) this.#progress.countStale();
      else this.#onMessage(envelope);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** What cannot be sent or taken is this worker's failure: the link lives on, so that the coordinator hears of it. */
  #fail(error: unknown): void {
    if (this.#closed) return;
    const code = error instanceof GantryError ? error.code : 'GANTRY_INTERNAL';
    this.#post({ type: 'failed', code, message: error instanceof Error ? error.message : String(error) });
  }

  /** The coordinator does not let this worker in, whatever it sends: there is nothing to wait for. */
  #refuse(message: string): void {
    if (this.#refused) return;
    this.#refused = true;
    clearTimeout(this.#timer);
    this.#control.abort();
    this.#fail(new GantryError('GANTRY_AUTH_REFUSED', message));
  }

  #isStale({ runId, generation }: Envelope): boolean {
    return (this.#runId !== '' && runId !== this.#runId) || (generation !== 0 && generation < this.#generation);
  }

  #onMessage({ runId, body }: Envelope): void {
    switch (body.kind) {
      case 'heartbeat':
        return;
      case 'stopRequest':
        this.#progress.wishStop();
        return;
      case 'stop':
        this.#control.stopAfter(body.atUpdate);
        return;
      case 'stateChunk':
        this.#onChunk(body);
        return;
      case 'stateReceived':
        this.#onStateReceived(body.stateUpdate);
        return;
      case 'welcome':
        this.#begin(runId, body);
        break;
      case 'start':
        this.#watchFor(this.#welcome!.leaseMs);
        break;
      case 'assignment':
        this.#generation = body.generation;
        break;
      case 'abort':
      case 'refused':
        this.#control.abort();
        break;
      default:
    }
    this.#post({ type: 'message', message: body, runId });
  }

  #begin(runId: string, welcome: Welcome): void {
    this.#runId = runId;
    this.#welcome = welcome;
    this.#watchFor(welcome.leaseMs * STARTING_LEASES);
    clearTimeout(this.#timer);
    this.#timer = setInterval(() => this.#beat(welcome), Math.max(1, welcome.heartbeatMs));
    this.#beat(welcome);
  }

  #watchFor(leaseMs: number): void {
    this.#leaseMs = leaseMs;
    this.#watch = new CoordinatorWatch({ leaseMs, heartbeatMs: this.#welcome!.heartbeatMs });
  }

  #beat({ session }: Welcome): void {
    const progress = this.#progress;
    const mainNowMs = performance.timeOrigin + performance.now() - this.#data.mainTimeOrigin;
    this.send({
      kind: 'heartbeat',
      session,
      phase: progress.phase,
      workingUpdate: progress.workingUpdate,
      progress: progress.progress,
      phaseMs: progress.phaseMs(mainNowMs),
    });
    if (!this.#watch?.beat()) return;
    this.lose(`the coordinator at ${this.#data.endpoint} has been silent for ${this.#leaseMs} ms`);
  }

  #onChunk(chunk: Extract<Message, { kind: 'stateChunk' }>): void {
    const state = acceptChunk(this.#incoming, chunk, STATE_BYTES_MAX);
    this.#incoming = state;
    if (state.sha256 === '') return;
    this.#incoming = null;
    const sha256 = createHash('sha256').update(state.bytes).digest('hex');
    if (sha256 !== state.sha256) {
      throw new GantryError(
        'GANTRY_PROTOCOL_INVALID',
        `the state of update ${state.update} arrived damaged: SHA-256 ${sha256}, not ${state.sha256}`,
      );
    }
    const { buffer } = state.bytes;
    this.#post({ type: 'state', update: state.update, sha256, state: buffer }, [buffer]);
  }

  #onStateReceived(update: number): void {
    const sha256 = this.#hashes.get(update);
    if (sha256 === undefined) return;
    this.#hashes.delete(update);
    this.#post({ type: 'delivered', update, sha256 });
  }
}
