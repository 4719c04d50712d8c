import type { Envelope, Hello, Message, StateChunk, Welcome } from '@gantry/common';
import { CoordinatorWatch, IncomingState, isStale, PieceCredit } from '@gantry/worker/core';
import { Dealer } from './connections.js';
import type { SimControlWords } from './control-words.js';
import type { SimProcess } from './process.js';
import type { Progress } from './progress.js';
import { hashState } from './tiny-gan.js';

/** As in the worker's constants: what its control thread waits for, in milliseconds. */
const CONNECT_MS_MAX = 30_000;
const RETURN_MS_MAX = 600_000;
const RETURN_EVERY_MS = 2_000;
const LOST_GRACE_MS = 300;
const LEAVE_GRACE_MS = 1_000;
const STARTING_LEASES = 4;
const STATE_BYTES_MAX = 2 ** 20;

export type FromControl =
  | { readonly type: 'message'; readonly message: Message; readonly runId: string }
  | { readonly type: 'state'; readonly update: number; readonly sha256: string; readonly state: Float32Array }
  | { readonly type: 'delivered'; readonly update: number; readonly sha256: string }
  | { readonly type: 'lost'; readonly message: string; readonly mayReturn: boolean }
  | { readonly type: 'failed'; readonly code: 'GANTRY_PROTOCOL_INVALID' | 'GANTRY_INTERNAL'; readonly message: string };

export interface ControlLinkOptions {
  readonly process: SimProcess;
  readonly hello: Hello;
  readonly control: SimControlWords;
  readonly progress: Progress;
  readonly mayReturn: boolean;
  readonly post: (message: FromControl) => void;
}

/** The worker's control thread, as control-link.ts and control-thread.ts have it, on a virtual network. */
export class SimControlLink {
  readonly #options: ControlLinkOptions;
  readonly #process: SimProcess;
  #dealer: Dealer;
  readonly #hashes = new Map<number, string>();
  /** Pieces of states; only the next one is made, when its turn comes. */
  readonly #bulk: Iterator<Message>[] = [];
  #isPumping = false;
  #credit = new PieceCredit();
  #watch: CoordinatorWatch | null = null;
  #timer: { cancel(): void };
  #welcome: Welcome | null = null;
  #runId = '';
  #generation = 0;
  readonly #incoming = new IncomingState(STATE_BYTES_MAX);
  #isPaused = false;
  #name = '';
  #closed = false;
  #isLost = false;
  #deadline = false;

  constructor(options: ControlLinkOptions) {
    this.#options = options;
    this.#process = options.process;
    this.#dealer = new Dealer(options.process, (envelope) => this.#onFrame(envelope));
    this.#timer = this.#once(CONNECT_MS_MAX, () => this.lose('nobody answers', false));
    this.send(options.hello);
  }

  get dealer(): Dealer {
    return this.#dealer;
  }

  reconnect(formerSession: string): void {
    if (this.#closed) return;
    this.#options.control.abort();
    this.#hashes.clear();
    this.#incoming.clear();
    this.#isPaused = false;
    this.#welcome = null;
    this.#watch = null;
    this.#generation = 0;
    this.#runId = '';
    const deadlineMs = this.#process.world.clock.nowMs + RETURN_MS_MAX;
    const attempt = (): void => {
      if (this.#process.world.clock.nowMs > deadlineMs) {
        this.#timer.cancel();
        this.lose('no coordinator came back', false);
        return;
      }
      this.#dealer.close();
      this.#bulk.length = 0;
      this.#credit = new PieceCredit();
      this.#dealer = new Dealer(this.#process, (envelope) => this.#onFrame(envelope));
      this.send({ ...this.#options.hello, worker: this.#name, formerSession });
    };
    this.#timer.cancel();
    this.#timer = this.#process.every(RETURN_EVERY_MS, attempt);
    attempt();
  }

  send(message: Message): void {
    if (this.#closed) return;
    if (message.kind === 'paused') this.#bulk.length = 0;
    this.#dealer.send(this.#encode(message));
  }

  stream(update: number, state: Float32Array<ArrayBuffer>): void {
    this.#bulk.push(this.#chunks(update, state));
    this.#pump();
  }

  lose(message: string, mayReturn: boolean): void {
    if (this.#closed || this.#isLost) return;
    this.#isLost = !mayReturn;
    this.#watch = null;
    this.#options.control.abort();
    this.#post({ type: 'lost', message, mayReturn });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer.cancel();
    this.#dealer.close();
  }

  /** The process is gone. `silently`: with its host. */
  die(silently: boolean): void {
    this.#closed = true;
    this.#dealer.close(silently);
  }

  #once(delayMs: number, action: () => void): { cancel(): void } {
    let over = false;
    this.#process.after(delayMs, () => {
      if (!over) action();
    });
    return {
      cancel: () => {
        over = true;
      },
    };
  }

  /** If the main thread is stuck, the process is killed from here. */
  #post(message: FromControl): void {
    const ends =
      message.type === 'lost' ? !message.mayReturn : message.type === 'message' && message.message.kind === 'abort';
    if (ends && !this.#deadline) {
      this.#deadline = true;
      this.#process.after(message.type === 'lost' ? LOST_GRACE_MS : LEAVE_GRACE_MS, () => {
        if (!this.#closed) this.#process.kill();
      });
    }
    this.#options.post(message);
  }

  #encode(body: Message): Envelope {
    return { runId: this.#runId, generation: this.#generation, update: this.#options.progress.committed, body };
  }

  *#chunks(update: number, state: Float32Array<ArrayBuffer>): Generator<Message> {
    const bytes = new Uint8Array(state.buffer);
    const { chunkBytes } = this.#process.world.pace;
    for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
      const data = bytes.slice(offset, offset + chunkBytes);
      const sha256 = offset + data.length === bytes.length ? hashState([state]) : '';
      if (sha256 !== '') this.#hashes.set(update, sha256);
      yield { kind: 'stateChunk', stateUpdate: update, offset, totalBytes: bytes.length, data, sha256 };
    }
  }

  /** One piece after the other, each when the one before has left, with a heartbeat behind it, and few on their way. */
  #pump(): void {
    if (this.#isPumping || this.#bulk.length === 0) return;
    this.#isPumping = true;
    this.#process.after(this.#process.world.random.between(0.1, 6), () => {
      this.#isPumping = false;
      while (this.#bulk.length > 0 && this.#credit.isOpen) {
        const { value, done } = this.#bulk[0]!.next();
        if (done === true) {
          this.#bulk.shift();
          continue;
        }
        this.send(value);
        this.#sendBeat(1);
        this.#pump();
        return;
      }
    });
  }

  #onFrame(envelope: Envelope): void {
    if (this.#closed) return;
    try {
      this.#watch?.heard();
      if (!isStale(envelope, { runId: this.#runId, generation: this.#generation })) this.#onMessage(envelope);
    } catch (error) {
      this.#post({ type: 'failed', code: 'GANTRY_PROTOCOL_INVALID', message: (error as Error).message });
    }
  }

  #onMessage({ runId, body }: Envelope): void {
    switch (body.kind) {
      case 'heartbeat':
        this.#credit.answered(this.#process.world.clock.nowMs);
        this.#pump();
        return;
      case 'stopRequest':
        this.#options.progress.isStopWished = true;
        return;
      case 'stop':
        this.#options.control.stopAfter(body.atUpdate);
        return;
      case 'stateChunk':
        this.#onChunk(body);
        return;
      case 'stateReceived':
        this.#onStateReceived(body.stateUpdate);
        return;
      case 'welcome':
        if (this.#welcome !== null) return;
        this.#begin(runId, body);
        break;
      case 'start':
        this.#watchFor(this.#welcome!.leaseMs);
        break;
      case 'assignment':
        this.#generation = body.generation;
        this.#isPaused = false;
        this.#options.progress.isStopWished = false;
        this.#options.progress.committed = body.startUpdate;
        break;
      case 'pause':
        this.#incoming.clear();
        this.#isPaused = true;
        this.#watchFor(this.#welcome!.leaseMs * STARTING_LEASES);
        this.#options.control.abort();
        break;
      case 'abort':
      case 'refused':
      case 'rejoin':
        this.#options.control.abort();
        break;
      default:
    }
    this.#post({ type: 'message', message: body, runId });
  }

  #begin(runId: string, welcome: Welcome): void {
    this.#runId = runId;
    this.#welcome = welcome;
    this.#name = welcome.worker;
    this.#watchFor(welcome.leaseMs * STARTING_LEASES);
    this.#timer.cancel();
    this.#timer = this.#process.every(Math.max(1, welcome.heartbeatMs), () => this.#beat());
    this.#beat();
  }

  #watchFor(leaseMs: number): void {
    this.#watch = new CoordinatorWatch({ leaseMs, heartbeatMs: this.#welcome!.heartbeatMs });
  }

  #beat(): void {
    this.#sendBeat(0);
    if (this.#watch?.beat()) this.lose('the coordinator has been silent', this.#options.mayReturn);
  }

  #sendBeat(pieces: 0 | 1): void {
    const { session } = this.#welcome!;
    const { phase, workingUpdate, count, sinceMs } = this.#options.progress;
    const phaseMs = Math.max(0, Math.floor(this.#process.world.clock.nowMs - sinceMs));
    this.send({ kind: 'heartbeat', session, phase, workingUpdate, progress: count, phaseMs });
    this.#credit.sent(pieces, this.#process.world.clock.nowMs);
  }

  #onChunk(chunk: StateChunk): void {
    if (this.#isPaused) return;
    const state = this.#incoming.accept(chunk);
    if (state === null) return;
    const floats = new Float32Array(state.bytes.buffer);
    if (hashState([floats]) !== state.sha256) throw new Error(`the state of update ${state.update} arrived damaged`);
    this.#post({ type: 'state', update: state.update, sha256: state.sha256, state: floats });
  }

  #onStateReceived(update: number): void {
    const sha256 = this.#hashes.get(update);
    if (sha256 === undefined) return;
    this.#hashes.delete(update);
    this.#post({ type: 'delivered', update, sha256 });
  }
}
