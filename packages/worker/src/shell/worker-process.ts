import { setTimeout as sleep } from 'node:timers/promises';
import { ControlWords, type DataSocket, sharedMemoryFile } from '@gantry/collective';
import {
  type Assignment,
  type ErrorCode,
  GANTRY_VERSION,
  GantryError,
  type Hello,
  type Logger,
  type Message,
  PROTOCOL_VERSION,
  parseFault,
  type RunConfig,
  type Transport,
} from '@gantry/common';
import type { WorkerKeys } from '@gantry/common/keys';
import { FAILURE_GRACE_MS } from '../constants.js';
import { FlightRecorder } from '../core/flight-recorder.js';
import {
  hasLeft,
  initialWorker,
  isOver,
  stepWorker,
  type WorkerEffect,
  type WorkerEvent,
  type WorkerState,
} from '../core/lifecycle.js';
import { dataTransport } from '../core/member-role.js';
import type { WorkerEnvironment } from '../core/worker-options.js';
import { ControlChannel } from './control-channel.js';
import { dataSocketOptions } from './data-host.js';
import { FlightFile } from './flight-file.js';
import { dieWithParent, surviveParent } from './parent-death.js';
import { PHASE_INDEX, ProgressWords } from './progress-words.js';
import type { Session } from './session.js';
import { StepClock } from './step-clock.js';

/** Lines of the flight recorder that go into the log at an abort. */
const DUMP_LINES = 60;

export interface WorkerProcessOptions {
  readonly endpoint: string;
  readonly hello: Omit<Hello, 'kind' | 'protocolVersion' | 'gantryVersion'>;
  readonly environment: WorkerEnvironment;
  /** Null: nothing is encrypted. */
  readonly keys: WorkerKeys | null;
  readonly dataHost: string | undefined;
  /** Without keys: off the loopback all the same. */
  readonly insecure: boolean;
  readonly logger: Logger;
}

type Outcome = Extract<WorkerEffect, { type: 'exit' }>;

/**
 * A worker's main thread: it takes events, asks the life cycle what to do, and does it in that order. What is heavy (models,
 * engine, data) is loaded while the first messages are on their way.
 */
export class WorkerProcess {
  readonly #options: WorkerProcessOptions;
  readonly #control = new ControlWords();
  readonly #progress = new ProgressWords();
  readonly #recorder = new FlightRecorder();
  readonly #clock = new StepClock(this.#progress, this.#recorder);
  /** Null: only the log gets it, and only at the end. */
  readonly #flight: FlightFile | null;
  readonly #session: Promise<typeof import('./session.js')>;
  readonly #channel: ControlChannel;
  readonly #outcome: Promise<Outcome>;
  #resolve!: (outcome: Outcome) => void;
  #state: WorkerState;
  #runId = '';
  #dataSocket: DataSocket | null = null;
  #transport: Transport = 'shm';
  #current: Session | null = null;
  /** The long work of the moment: preparing, training, delivering. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: WorkerProcessOptions) {
    this.#options = options;
    this.#state = initialWorker(options.hello.worker);
    this.#outcome = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    const { flightFile } = options.environment;
    this.#flight = flightFile === '' ? null : this.#flightFile(flightFile);
    this.#channel = new ControlChannel({
      endpoint: options.endpoint,
      hello: { kind: 'hello', protocolVersion: PROTOCOL_VERSION, gantryVersion: GANTRY_VERSION, ...options.hello },
      keys: options.keys,
      control: this.#control,
      progress: this.#progress,
      flight: flightFile === '' ? null : { path: flightFile, buffer: this.#recorder.buffer },
      parentFd: options.environment.parentFd,
      mayReturn: options.hello.launchToken === '',
      onMessage: (message, runId) => this.#onMessage(message, runId),
      onLost: (message, mayReturn) => this.#onLost(message, mayReturn),
      onNotice: (text) => options.logger.log('warn', text),
      onFailed: (error) => this.#fail(error),
    });
    // The thread reaches out first; the models' libraries load meanwhile.
    this.#session = import('./session.js');
    this.#session.catch(() => {});
  }

  /** SIGTERM: tells the coordinator, which decides how the run ends. The second time every wait ends at once. */
  terminate(): void {
    if (this.#state.leaving) this.#control.abort();
    this.#apply({ type: 'terminate' });
  }

  /** Ends with the exit code, everything closed. */
  async run(): Promise<number> {
    const { code, error } = await this.#outcome;
    const dumped = error === null ? null : this.#report(error);
    await Promise.race([Promise.all([this.#work, dumped]), sleep(FAILURE_GRACE_MS)]);
    await this.#current?.close();
    this.#dataSocket?.close();
    await this.#channel.close();
    return code;
  }

  #onMessage(message: Message, runId: string): void {
    if (message.kind === 'welcome' && !this.#isSameRun(runId)) return;
    this.#recorder.record(
      performance.now(),
      this.#recorder.event(`received ${message.kind}`),
      this.#progress.committed,
    );
    this.#apply({ type: 'message', message });
  }

  #onLost(message: string, mayReturn: boolean): void {
    if (mayReturn) {
      this.#dump(message);
      this.#options.logger.log('warn', `${message}; holding the state until it is back`);
    }
    this.#apply({ type: 'coordinatorLost', message, mayReturn });
  }

  /** What is loaded and held is of one run: a coordinator that came back with another one is none of ours. */
  #isSameRun(runId: string): boolean {
    if (this.#runId === '' || this.#runId === runId) {
      this.#runId = runId;
      return true;
    }
    const { endpoint } = this.#options;
    const message = `${endpoint} now serves run ${runId}, this worker belongs to ${this.#runId}; start it anew to join that one`;
    // Not as a failure: that run has nothing to do with it.
    this.#apply({ type: 'coordinatorLost', message, mayReturn: false });
    return false;
  }

  #apply(event: WorkerEvent): void {
    try {
      const { state, effects } = stepWorker(this.#state, event);
      this.#state = state;
      for (const effect of effects) this.#perform(effect);
    } catch (error) {
      this.#fail(error);
    }
  }

  #perform(effect: WorkerEffect): void {
    switch (effect.type) {
      case 'send':
        this.#recorder.record(
          performance.now(),
          this.#recorder.event(`sent ${effect.message.kind}`),
          this.#progress.committed,
        );
        this.#channel.send(effect.message);
        return;
      case 'configure':
        this.#begin(this.#configuring(effect, this.#state.session));
        return;
      case 'prepare':
        this.#begin(() => this.#prepare(effect.assignment));
        return;
      case 'train':
        this.#begin(() => this.#train(effect.startUpdate));
        return;
      case 'deliver':
        this.#begin(() => this.#deliver());
        return;
      case 'pause':
        this.#dump(`generation ${this.#state.generation} has ended`);
        this.#interrupt();
        this.#begin(() => this.#pause());
        return;
      case 'reconnect':
        this.#interrupt();
        this.#begin(() => this.#endGeneration());
        this.#channel.reconnect(effect.formerSession);
        return;
      case 'sendState':
        this.#current?.sendState(effect.update);
        return;
      case 'exit':
        this.#resolve(effect);
        return;
      default:
    }
  }

  /** Starts the next long work when the one before has ended; its errors are this worker's failure. */
  #begin(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error) => this.#fail(error));
  }

  /** Ends whatever the long work waits for. */
  #interrupt(): void {
    this.#control.abort();
    this.#channel.cancel();
  }

  /** The session is the one of the effect, whenever its turn comes. */
  #configuring(effect: Extract<WorkerEffect, { type: 'configure' }>, session: string): () => Promise<void> {
    return () => this.#configure(effect, session);
  }

  /** @param session Whoever lost it meanwhile, and has another, is configured anew for that one. */
  async #configure(
    { runConfigJson, modelPath }: Extract<WorkerEffect, { type: 'configure' }>,
    session: string,
  ): Promise<void> {
    if (session !== this.#state.session) return;
    const read = JSON.parse(runConfigJson) as RunConfig;
    const config = modelPath === '' ? read : { ...read, model: modelPath };
    this.#transport = config.transport;
    if (this.#current === null) {
      // It says that it is here before it loads anything: others may have to wait for it.
      const bound = await this.#bindDataSocket();
      if (session !== this.#state.session) return;
      this.#apply({ type: 'bound', ...bound, heldGeneration: 0, heldUpdate: 0 });
      await this.#warmUp(config);
    } else {
      const bound = await this.#bindDataSocket();
      if (session !== this.#state.session) return;
      this.#apply({ type: 'bound', ...bound, ...this.#current.held });
    }
    this.#clock.enter(PHASE_INDEX.ready);
  }

  async #warmUp(config: RunConfig): Promise<void> {
    const { hello, environment, logger } = this.#options;
    this.#clock.enter(PHASE_INDEX.compiling);
    const { Session } = await this.#session;
    this.#current = await Session.warmUp({
      config,
      worker: this.#state.worker,
      hub: hello.hub,
      runId: this.#runId,
      fault: parseFault(environment.fault, this.#state.worker),
      dataMode: environment.data === '' ? (hello.launchToken === '' ? 'auto' : 'local') : environment.data,
      dataMemoryBytes: environment.dataMemoryMiB === null ? null : environment.dataMemoryMiB * 2 ** 20,
      logger,
      control: this.#control,
      clock: this.#clock,
      channel: this.#channel,
    });
  }

  /** @returns where it is bound; empty if it needs none */
  async #bindDataSocket(): Promise<{ dataEndpoint: string; dataKey: string }> {
    const transport = dataTransport(this.#transport, this.#options.hello.launchToken !== '');
    if (transport === null) return { dataEndpoint: '', dataKey: '' };
    this.#dataSocket?.close(false);
    const { bindDataSocket } = await import('@gantry/collective');
    this.#dataSocket = await bindDataSocket(transport, await dataSocketOptions(this.#options));
    if (this.#dataSocket.folder !== null) this.#channel.protect([this.#dataSocket.folder]);
    return { dataEndpoint: this.#dataSocket.endpoint, dataKey: this.#dataSocket.publicKey };
  }

  async #endGeneration(): Promise<void> {
    await this.#current?.pause();
    this.#dataSocket?.close(false);
    this.#dataSocket = null;
    this.#channel.protect([]);
  }

  async #pause(): Promise<void> {
    await this.#endGeneration();
    const bound = await this.#bindDataSocket();
    const held = this.#current?.held ?? { heldGeneration: 0, heldUpdate: 0 };
    this.#clock.enter(PHASE_INDEX.ready);
    this.#apply({ type: 'paused', ...bound, ...held });
  }

  async #prepare(assignment: Assignment): Promise<void> {
    this.#apply({ type: 'preparationBegun' });
    if (this.#state.phase !== 'preparing') return;
    this.#control.clear();
    const { sharedMemory } = assignment;
    // From here to the start a file has a name: the control thread takes it away if the parent goes, not the kernel.
    if (sharedMemory !== '') {
      surviveParent();
      this.#channel.protect([sharedMemoryFile(sharedMemory)]);
    }
    this.#clock.enter(PHASE_INDEX.compiling);
    const report = await this.#current!.prepare(assignment, this.#dataSocket);
    this.#clock.enter(PHASE_INDEX.ready);
    this.#apply({ type: 'prepared', report });
  }

  async #train(startUpdate: number): Promise<void> {
    if (this.#state.phase !== 'training') return;
    // Everybody has opened the memory: without its name, nothing can be left behind, whatever is killed.
    this.#current!.settleMemory();
    this.#channel.protect([]);
    this.#watchParent();
    const { committed, announce } = await this.#current!.train(startUpdate);
    this.#apply({ type: 'trained', atUpdate: committed, announce });
  }

  async #deliver(): Promise<void> {
    if (this.#state.phase !== 'stopping') return;
    const stateSha256 = await this.#current!.deliver(this.#state.atUpdate);
    this.#clock.enter(PHASE_INDEX.stopped);
    this.#apply({ type: 'delivered', stateSha256 });
  }

  #watchParent(): void {
    const { parentPid } = this.#options.environment;
    if (parentPid === null || dieWithParent(parentPid)) return;
    const message = 'the process that started this worker has ended';
    this.#apply({ type: 'coordinatorLost', message, mayReturn: false });
  }

  /** An abort is the consequence of something that the coordinator knows and is about to say. */
  #fail(cause: unknown): void {
    if (isOver(this.#state)) return;
    const { code, message, details } = asGantryError(cause);
    const failed: WorkerEvent = { type: 'failed', code, message, detailsJson: JSON.stringify(details) };
    if (code !== 'GANTRY_ABORTED') {
      this.#apply(failed);
      return;
    }
    const { generation } = this.#state;
    setTimeout(() => {
      if (!hasLeft(this.#state, generation) && this.#control.aborted) this.#apply(failed);
    }, FAILURE_GRACE_MS);
  }

  /** Nothing in a sound run; after an abort, a hint at who talked to whom. */
  #recordStale(what: string, count: number): void {
    if (count === 0) return;
    this.#recorder.record(performance.now(), this.#recorder.event(what), this.#progress.committed, count);
  }

  #flightFile(path: string): FlightFile {
    const { timeOrigin } = performance;
    const { worker } = this.#options.hello;
    const [recorder, progress] = [this.#recorder, this.#progress];
    return new FlightFile({ path, worker, recorder, progress, timeOrigin, writer: 'main' });
  }

  /** Leaves the flight recorder where `gantry why` finds it. Before an assignment there is no protocol to look back on. */
  #dump(reason: string): Promise<void> | null {
    return this.#state.generation > 0 && this.#flight !== null ? this.#flight.write(reason) : null;
  }

  #report({ code, message }: { code: ErrorCode; message: string }): Promise<void> | null {
    const { logger } = this.#options;
    this.#recordStale('stale control frames', this.#progress.stale);
    this.#recordStale('stale data frames', this.#current?.staleFrames ?? 0);
    // Before an assignment there is no protocol to look back on.
    if (this.#state.generation > 0) for (const line of this.#recorder.dump(DUMP_LINES)) logger.log('info', line);
    logger.log('error', message, { code, update: this.#progress.workingUpdate, phase: this.#clock.phase });
    return this.#dump(`${code}: ${message}`);
  }
}

function asGantryError(cause: unknown): GantryError {
  if (cause instanceof GantryError) return cause;
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return new GantryError('GANTRY_INTERNAL', text.slice(0, 4000), { cause });
}
