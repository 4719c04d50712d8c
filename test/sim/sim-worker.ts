import type { DataSocket } from '@gantry/collective';
import {
  type Assignment,
  type ErrorCode,
  GANTRY_VERSION,
  GantryError,
  type Hello,
  type Message,
  PROTOCOL_VERSION,
} from '@gantry/common';
import {
  dataTransport,
  hasLeft,
  initialWorker,
  isOver,
  stepWorker,
  type WorkerEffect,
  type WorkerEvent,
  type WorkerState,
} from '@gantry/worker/core';
import { type FromControl, SimControlLink } from './control-link.js';
import { SimControlWords } from './control-words.js';
import { InvariantError } from './invariants.js';
import { delay, MainThread, type Work } from './main-thread.js';
import { SimProcess } from './process.js';
import { Progress } from './progress.js';
import { SimSession } from './sim-session.js';
import type { World } from './world.js';

const FAILURE_GRACE_MS = 500;

export interface SimWorkerOptions {
  readonly host: string;
  /** Name that it proposes; empty: none. */
  readonly worker: string;
  /** Of a local worker; empty for one that was started by hand. */
  readonly launchToken: string;
  /** It only reduces. */
  readonly hub: boolean;
  readonly pid: number;
  readonly onExit: (worker: SimWorker, end: WorkerEnd) => void;
}

export interface WorkerEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** Of the error that it ended with, as an operator reads it in its log. */
  readonly error?: ErrorCode | undefined;
}

/** A worker's process: the real life cycle, and around it what worker-process.ts does. */
export class SimWorker extends SimProcess {
  readonly control = new SimControlWords();
  readonly progress: Progress;
  readonly main: MainThread;
  readonly options: SimWorkerOptions;
  /** A bit of its state changes after the next update. */
  isToFlip = false;
  /** How often it has been. */
  flips = 0;
  readonly #link: SimControlLink;
  readonly #waitingDeliveries = new Map<number, { sha256: string | null; failed: Error | null }>();
  #received: { update: number; sha256: string; state: Float32Array } | null = null;
  #receiveFailed: Error | null = null;
  #state: WorkerState;
  #runId = '';
  #dataSocket: DataSocket | null = null;
  #session: SimSession | null = null;
  #dieSilently = false;
  #leaving = false;

  constructor(world: World, options: SimWorkerOptions) {
    super(world, options.host, `w${options.pid}`);
    this.options = options;
    this.progress = new Progress(() => world.clock.nowMs);
    this.main = new MainThread(this, (error) => this.fail(error));
    this.#state = initialWorker(options.worker);
    const hello: Hello = {
      kind: 'hello',
      protocolVersion: PROTOCOL_VERSION,
      gantryVersion: GANTRY_VERSION,
      worker: options.worker,
      host: options.host,
      pid: options.pid,
      cores: 2,
      launchToken: options.launchToken,
      hub: options.hub,
      formerSession: '',
    };
    this.#link = new SimControlLink({
      process: this,
      hello,
      control: this.control,
      progress: this.progress,
      mayReturn: options.launchToken === '',
      post: (message) => this.main.post(() => this.#onControl(message)),
    });
  }

  get state(): WorkerState {
    return this.#state;
  }

  get runId(): string {
    return this.#runId;
  }

  get held() {
    return this.#session?.held ?? { heldGeneration: 0, heldUpdate: 0 };
  }

  /** What it really holds, for the invariants: also of a generation that it is in the middle of. */
  get committed(): { generation: number; update: number } {
    return this.#session?.committed ?? { generation: 0, update: 0 };
  }

  get isLeaving(): boolean {
    return this.#leaving;
  }

  get link(): SimControlLink {
    return this.#link;
  }

  /** SIGTERM. */
  terminate(): void {
    this.#leaving = true;
    this.main.post(() => {
      if (this.#state.leaving) this.control.abort();
      this.apply({ type: 'terminate' });
    });
  }

  /** Its machine is gone: nobody hears of it. */
  vanish(): void {
    this.#dieSilently = true;
    this.kill();
  }

  /** The coordinator whose pipe it holds has ended. */
  loseParent(): void {
    this.#link.lose('the process that started this worker has ended', false);
  }

  protected override onDeath(): void {
    this.#link.die(this.#dieSilently);
    this.#dataSocket?.close();
    this.#session?.die();
    this.options.onExit(this, { code: null, signal: 'SIGKILL' });
  }

  apply(event: WorkerEvent): void {
    if (!this.alive) return;
    try {
      const { state, effects } = stepWorker(this.#state, event);
      if (state.phase !== this.#state.phase) this.world.trace.add(`${this.name} ${this.#state.phase} → ${state.phase}`);
      this.#state = state;
      for (const effect of effects) this.#perform(effect);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Starts a stream; `deliveryOf` tells when it has arrived. */
  stream(update: number, state: Float32Array<ArrayBuffer>): void {
    this.#waitingDeliveries.set(update, { sha256: null, failed: null });
    this.#link.stream(update, state);
  }

  deliveryOf(update: number): { sha256: string | null; failed: Error | null } {
    return this.#waitingDeliveries.get(update)!;
  }

  /** The state that the assignment announced, or null as long as it has not come. */
  takeReceived(): { update: number; sha256: string; state: Float32Array } | null {
    if (this.#receiveFailed !== null) throw this.#receiveFailed;
    const received = this.#received;
    this.#received = null;
    return received;
  }

  send(message: Message): void {
    this.#link.send(message);
  }

  fail(cause: unknown): void {
    if (cause instanceof InvariantError) throw cause;
    if (isOver(this.#state) || !this.alive) return;
    const { code, message } = asGantryError(cause);
    if (code !== 'GANTRY_ABORTED') this.world.trace.add(`${this.name} fails: ${code} ${message.slice(0, 300)}`);
    const failed: WorkerEvent = { type: 'failed', code, message, detailsJson: '{}' };
    if (code !== 'GANTRY_ABORTED') {
      this.apply(failed);
      return;
    }
    const { generation } = this.#state;
    this.after(FAILURE_GRACE_MS, () => {
      if (!hasLeft(this.#state, generation) && this.control.aborted) this.apply(failed);
    });
  }

  #onControl(message: FromControl): void {
    switch (message.type) {
      case 'message':
        if (message.message.kind === 'welcome' && !this.#isSameRun(message.runId)) return;
        this.apply({ type: 'message', message: message.message });
        return;
      case 'lost':
        this.#cancel(
          new GantryError(message.mayReturn ? 'GANTRY_ABORTED' : 'GANTRY_COORDINATOR_LOST', message.message),
        );
        this.apply({ type: 'coordinatorLost', message: message.message, mayReturn: message.mayReturn });
        return;
      case 'failed':
        this.fail(new GantryError(message.code, message.message));
        return;
      case 'delivered': {
        const waiting = this.#waitingDeliveries.get(message.update);
        if (waiting !== undefined) waiting.sha256 = message.sha256;
        this.main.wake();
        return;
      }
      case 'state':
        this.#received = message;
        this.main.wake();
        return;
      default:
    }
  }

  #isSameRun(runId: string): boolean {
    if (this.#runId === '' || this.#runId === runId) {
      this.#runId = runId;
      return true;
    }
    this.apply({ type: 'coordinatorLost', message: 'another run', mayReturn: false });
    return false;
  }

  #perform(effect: WorkerEffect): void {
    switch (effect.type) {
      case 'send':
        this.send(effect.message);
        return;
      case 'configure':
        this.main.begin(this.#configuring(this.#state.session));
        return;
      case 'prepare':
        this.main.begin(() => this.#prepare(effect.assignment));
        return;
      case 'train':
        this.main.begin(() => this.#train(effect.startUpdate));
        return;
      case 'deliver':
        this.main.begin(() => this.#deliver());
        return;
      case 'pause':
        this.#interrupt();
        this.main.begin(() => this.#pause());
        return;
      case 'reconnect':
        this.#interrupt();
        this.main.begin(() => this.#endGeneration());
        this.#link.reconnect(effect.formerSession);
        return;
      case 'sendState':
        this.#session?.sendState(effect.update);
        return;
      case 'exit':
        this.#exit(effect.code, effect.error);
        return;
      default:
    }
  }

  #exit(code: number, error: { code: ErrorCode; message: string } | null): void {
    this.world.trace.add(`${this.name} leaves with ${code}${error === null ? '' : `: ${error.code} ${error.message}`}`);
    const deadlineMs = this.world.clock.nowMs + FAILURE_GRACE_MS;
    const leave = (): void => {
      if (!this.main.isIdle && this.world.clock.nowMs < deadlineMs) {
        this.after(10, leave);
        return;
      }
      this.#link.close();
      this.options.onExit(this, { code, signal: null, error: error?.code });
      this.#dataSocket?.close();
      this.#session?.die();
      this.kill();
    };
    this.after(1, leave);
  }

  #interrupt(): void {
    this.control.abort();
    this.#received = null;
    this.#cancel(new GantryError('GANTRY_ABORTED', 'the generation has ended'));
  }

  #cancel(error: Error): void {
    for (const waiting of this.#waitingDeliveries.values()) waiting.failed ??= error;
    // Only who waits at this moment is told: the next one waits anew.
    this.#receiveFailed = error;
    this.main.wake();
  }

  /** Somebody begins to wait for a state. */
  beginReceiving(): void {
    this.#receiveFailed = null;
  }

  #configuring(session: string): () => Work {
    return () => this.#configure(session);
  }

  *#configure(session: string): Work {
    if (session !== this.#state.session) return;
    yield delay(this.world.random.between(0.5, 5));
    const endpoint = this.#bind();
    if (session !== this.#state.session) return;
    const isFirst = this.#session === null;
    this.apply({ type: 'bound', dataEndpoint: endpoint, dataKey: '', ...this.held });
    if (isFirst) {
      this.progress.enter('compiling');
      yield delay(this.world.pace.compileMs * this.world.random.between(0.5, 2));
      this.#session = new SimSession(this);
    }
    this.progress.enter('ready');
  }

  #bind(): string {
    if (dataTransport(this.world.config.transport, this.options.launchToken !== '') === null) return '';
    this.#dataSocket?.close(false);
    this.#dataSocket = this.world.data.bind(this, this.main.wake);
    return this.#dataSocket.endpoint;
  }

  *#endGeneration(): Work {
    yield delay(this.world.random.between(0.1, 2));
    this.#session?.pause();
    this.#dataSocket?.close(false);
    this.#dataSocket = null;
  }

  *#pause(): Work {
    yield* this.#endGeneration();
    const dataEndpoint = this.#bind();
    this.progress.enter('ready');
    this.apply({ type: 'paused', dataEndpoint, dataKey: '', ...this.held });
  }

  *#prepare(assignment: Assignment): Work {
    this.apply({ type: 'preparationBegun' });
    if (this.#state.phase !== 'preparing') return;
    this.control.clear();
    this.progress.enter('compiling');
    if (this.#session === null) throw new Error('prepared before it was warm');
    const report = yield* this.#session.prepare(assignment, this.#dataSocket);
    this.progress.enter('ready');
    this.apply({ type: 'prepared', report });
  }

  *#train(startUpdate: number): Work {
    if (this.#state.phase !== 'training') return;
    this.#session!.settleMemory();
    const { committed, announce } = yield* this.#session!.train(startUpdate);
    this.apply({ type: 'trained', atUpdate: committed, announce });
  }

  *#deliver(): Work {
    if (this.#state.phase !== 'stopping') return;
    const stateSha256 = yield* this.#session!.deliver(this.#state.atUpdate);
    this.progress.enter('stopped');
    this.apply({ type: 'delivered', stateSha256 });
  }
}

function asGantryError(cause: unknown): GantryError {
  if (cause instanceof GantryError) return cause;
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return new GantryError('GANTRY_INTERNAL', text.slice(0, 4000));
}
