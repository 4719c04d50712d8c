import { createHash } from 'node:crypto';
import { ControlWords } from '@gantry/collective';
import {
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  GantryError,
  type Message,
  type Phase,
  type Welcome,
} from '@gantry/common';
import type { Dealer } from 'zeromq';
import {
  CONNECT_MS_MAX,
  LINGER_MS,
  RETURN_EVERY_MS,
  RETURN_MS_MAX,
  STARTING_LEASES,
  STATE_BYTES_MAX,
} from '../constants.js';
import { CoordinatorWatch } from '../core/coordinator-watch.js';
import { isStale } from '../core/stale.js';
import { IncomingState } from '../core/state-assembly.js';
import { connectControl } from './control-connection.js';
import type { ControlThreadData, FromControl } from './control-messages.js';
import { DataLink } from './data-link.js';
import { Outbox } from './outbox.js';
import { ProgressWords } from './progress-words.js';
import { stateChunks } from './state-stream.js';

/** Phases in which a worker may wait for a state to be sent or to come. */
const MOVING: ReadonlySet<Phase> = new Set(['compiling', 'ready', 'saving']);

/**
 * The worker's end of the control plane: it lives in a thread that no engine call can block. It beats, notices that the
 * coordinator is gone, turns Abort, Stop and StopRequest into control words at once, and passes everything else on.
 */
export class ControlLink {
  readonly #data: ControlThreadData;
  readonly #post: (message: FromControl, transfer?: readonly ArrayBuffer[]) => void;
  readonly #control: ControlWords;
  readonly #progress: ProgressWords;
  #socket: Dealer;
  #outbox: Outbox;
  /** Its way to the data set of the coordinator. */
  readonly data: DataLink;
  readonly #hashes = new Map<number, string>();
  #watch: CoordinatorWatch | null = null;
  #timer: NodeJS.Timeout;
  #welcome: Welcome | null = null;
  #leaseMs = 0;
  #runId = '';
  #generation = 0;
  readonly #incoming = new IncomingState(STATE_BYTES_MAX);
  /** Its generation has ended: what still comes of a state is the rest of one that nobody waits for. */
  #isPaused = false;
  #refused = false;
  #closed = false;
  #isLost = false;
  /** Why nobody may have answered. */
  #silence: () => string = () => '';
  /** The one that it was given counts from then on. */
  #name = '';
  /** When a piece of a state was last sent or received. */
  #movedMs = Number.NEGATIVE_INFINITY;

  constructor(data: ControlThreadData, post: (message: FromControl, transfer?: readonly ArrayBuffer[]) => void) {
    this.#data = data;
    this.#post = post;
    this.#control = new ControlWords(data.controlBuffer);
    this.#progress = new ProgressWords(data.progressBuffer);
    this.data = new DataLink({
      send: (message) => this.send(message),
      post: (message) => this.#post(message),
      onError: (error) => this.#fail(error),
    });
    [this.#socket, this.#outbox] = this.#open();
    this.#timer = setTimeout(() => this.lose(this.#silence(), false), CONNECT_MS_MAX);
    this.send(data.hello);
  }

  #open(): [Dealer, Outbox] {
    const { socket, sink, silence } = connectControl(this.#data, (message) => this.#refuse(message));
    this.#silence = silence;
    void this.#receive(socket);
    const outbox = new Outbox({
      sink,
      heartbeat: () => this.#encode(this.#heartbeat()),
      onError: (error) => this.#fail(error),
    });
    return [socket, outbox];
  }

  /**
   * Leaves the connection, with what is queued there, and says Hello on a new one, again and again until somebody answers:
   * this coordinator, or the next one at its address.
   */
  reconnect(formerSession: string): void {
    if (this.#closed) return;
    this.#control.abort();
    this.data.disconnected();
    this.#hashes.clear();
    this.#incoming.clear();
    this.#isPaused = false;
    this.#welcome = null;
    this.#watch = null;
    this.#generation = 0;
    this.#runId = '';
    const deadlineMs = performance.now() + RETURN_MS_MAX;
    const attempt = (): void => {
      if (performance.now() > deadlineMs) {
        clearInterval(this.#timer);
        this.lose(`no coordinator came back at ${this.#data.endpoint} within ${RETURN_MS_MAX / 1000} s`, false);
        return;
      }
      this.#socket.linger = 0;
      this.#socket.close();
      [this.#socket, this.#outbox] = this.#open();
      this.send({ ...this.#data.hello, worker: this.#name, formerSession });
    };
    clearInterval(this.#timer);
    this.#timer = setInterval(attempt, RETURN_EVERY_MS);
    attempt();
  }

  send(message: Message): void {
    if (this.#closed) return;
    // A state that is still on its way was of the generation that has been left; its rest would seem to be of the next one.
    if (message.kind === 'paused') this.#outbox.dropBulk();
    try {
      this.#outbox.push(this.#encode(message));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Hashes and sends a state while training goes on; `delivered` is posted when the coordinator has it. */
  stream(update: number, state: ArrayBuffer): void {
    // Of a connection that is lost: on the new one it was not asked for.
    if (this.#welcome === null) return;
    const bytes = new Uint8Array(state);
    const remember = (sha256: string): void => void this.#hashes.set(update, sha256);
    const encode = (message: Message): Uint8Array => {
      this.#movedMs = performance.now();
      return this.#encode(message);
    };
    this.#outbox.pushBulk(stateChunks({ update, bytes }, encode, remember));
  }

  /** Gives the coordinator up: ends every wait of the main thread, then tells it why. */
  lose(message: string, mayReturn: boolean): void {
    if (this.#closed || this.#isLost) return;
    this.#isLost = !mayReturn;
    this.#watch = null;
    this.#leaveGeneration();
    this.#post({ type: 'lost', message, mayReturn });
  }

  /** Sends what is queued, then frees the socket: a thread must not end while it holds one. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.data.close();
    clearTimeout(this.#timer);
    await Promise.race([this.#outbox.drained(), new Promise((resolve) => setTimeout(resolve, LINGER_MS).unref())]);
    this.#socket.close();
  }

  #encode(body: Message): Uint8Array {
    const update = this.#progress.committed;
    return encodeEnvelope({ runId: this.#runId, generation: this.#generation, update, body });
  }

  async #receive(socket: Dealer): Promise<void> {
    try {
      for await (const [frame] of socket) {
        // What an earlier connection still had is of no coordinator that counts; who closes has nothing to begin.
        if (socket === this.#socket && !this.#closed) this.#onFrame(frame as Uint8Array);
      }
    } catch (error) {
      if (socket === this.#socket) this.#fail(error);
    }
  }

  #onFrame(frame: Uint8Array): void {
    try {
      const envelope = decodeEnvelope(frame);
      this.#watch?.heard();
      if (isStale(envelope, { runId: this.#runId, generation: this.#generation })) this.#progress.countStale();
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

  #onMessage({ runId, body }: Envelope): void {
    switch (body.kind) {
      case 'heartbeat':
        this.#outbox.answered();
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
      case 'datasetAnswer':
        this.data.answered(body);
        return;
      case 'dataChunk':
        this.data.received(body);
        return;
      case 'stateReceived':
        this.#onStateReceived(body.stateUpdate);
        return;
      case 'welcome':
        // A second answer, to a Hello that was said again.
        if (this.#welcome !== null) return;
        this.#begin(runId, body);
        break;
      case 'start':
        this.#watchFor(this.#welcome!.leaseMs);
        break;
      case 'assignment':
        this.#generation = body.generation;
        this.#isPaused = false;
        this.#progress.forgetStop();
        // The run may go back: what was committed before is not of this generation.
        this.#progress.commit(body.startUpdate);
        break;
      case 'pause':
        this.#leaveGeneration();
        this.#watchFor(this.#welcome!.leaseMs * STARTING_LEASES);
        break;
      case 'rejoin':
        this.#leaveGeneration();
        break;
      case 'abort':
      case 'refused':
        this.#control.abort();
        break;
      default:
    }
    this.#post({ type: 'message', message: body, runId });
  }

  #leaveGeneration(): void {
    this.#incoming.clear();
    this.#isPaused = true;
    this.#control.abort();
  }

  #begin(runId: string, welcome: Welcome): void {
    this.#runId = runId;
    this.#welcome = welcome;
    this.#name = welcome.worker;
    this.#watchFor(welcome.leaseMs * STARTING_LEASES);
    clearTimeout(this.#timer);
    this.#timer = setInterval(() => this.#beat(), Math.max(1, welcome.heartbeatMs));
    this.#beat();
    this.data.connected();
  }

  #watchFor(leaseMs: number): void {
    this.#leaseMs = leaseMs;
    this.#watch = new CoordinatorWatch({ leaseMs, heartbeatMs: this.#welcome!.heartbeatMs });
  }

  /** Not before a welcome. */
  #heartbeat(): Message {
    const progress = this.#progress;
    const nowMs = performance.now();
    const phaseMs = progress.phaseMs(performance.timeOrigin + nowMs - this.#data.mainTimeOrigin);
    const { phase } = progress;
    return {
      kind: 'heartbeat',
      session: this.#welcome!.session,
      phase,
      workingUpdate: progress.workingUpdate,
      progress: progress.progress,
      // A large state on a slow link takes as long as it takes; what counts is since when nothing of it has moved.
      phaseMs: MOVING.has(phase) ? Math.min(phaseMs, Math.floor(nowMs - this.#movedMs)) : phaseMs,
    };
  }

  #beat(): void {
    if (!this.#closed) this.#outbox.beat();
    if (!this.#watch?.beat()) return;
    this.lose(
      `the coordinator at ${this.#data.endpoint} has been silent for ${this.#leaseMs} ms`,
      this.#data.mayReturn,
    );
  }

  #onChunk(chunk: Extract<Message, { kind: 'stateChunk' }>): void {
    if (this.#isPaused) return;
    this.#movedMs = performance.now();
    const state = this.#incoming.accept(chunk);
    if (state === null) return;
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
