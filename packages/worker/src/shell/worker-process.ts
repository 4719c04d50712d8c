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
  type RunConfig,
} from '@gantry/common';
import type { WorkerKeys } from '@gantry/common/keys';
import { FAILURE_GRACE_MS } from '../constants.js';
import { parseFault } from '../core/fault.js';
import { FlightRecorder } from '../core/flight-recorder.js';
import {
  initialWorker,
  isOver,
  stepWorker,
  type WorkerEffect,
  type WorkerEvent,
  type WorkerState,
} from '../core/lifecycle.js';
import type { WorkerEnvironment } from '../core/worker-options.js';
import { ControlChannel } from './control-channel.js';
import { dataSocketOptions } from './data-host.js';
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
  readonly #session: Promise<typeof import('./session.js')>;
  readonly #channel: ControlChannel;
  readonly #outcome: Promise<Outcome>;
  #resolve!: (outcome: Outcome) => void;
  #state: WorkerState;
  #runId = '';
  #dataSocket: DataSocket | null = null;
  #current: Session | null = null;
  /** The long work of the moment: preparing, training, delivering. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: WorkerProcessOptions) {
    this.#options = options;
    this.#state = initialWorker(options.hello.worker);
    this.#outcome = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#channel = new ControlChannel({
      endpoint: options.endpoint,
      hello: { kind: 'hello', protocolVersion: PROTOCOL_VERSION, gantryVersion: GANTRY_VERSION, ...options.hello },
      keys: options.keys,
      control: this.#control,
      progress: this.#progress,
      parentFd: options.environment.parentFd,
      onMessage: (message, runId) => this.#onMessage(message, runId),
      onLost: (message) => this.#apply({ type: 'coordinatorLost', message }),
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
    if (error !== null) this.#report(error);
    await Promise.race([this.#work, sleep(FAILURE_GRACE_MS)]);
    await this.#current?.close();
    this.#dataSocket?.close();
    await this.#channel.close();
    return code;
  }

  #onMessage(message: Message, runId: string): void {
    if (message.kind === 'welcome') this.#runId = runId;
    this.#recorder.record(
      performance.now(),
      this.#recorder.event(`received ${message.kind}`),
      this.#progress.committed,
    );
    this.#apply({ type: 'message', message });
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
        this.#begin(() => this.#configure(effect.runConfigJson, effect.modelPath));
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

  async #configure(runConfigJson: string, modelPath: string): Promise<void> {
    const read = JSON.parse(runConfigJson) as RunConfig;
    const config = modelPath === '' ? read : { ...read, model: modelPath };
    const { hello, environment, logger } = this.#options;
    const fault = parseFault(environment.fault, this.#state.worker);
    if (config.transport !== 'shm') {
      const { bindDataSocket } = await import('@gantry/collective');
      this.#dataSocket = await bindDataSocket(config.transport, await dataSocketOptions(this.#options));
      if (this.#dataSocket.folder !== null) this.#channel.protect([this.#dataSocket.folder]);
    }
    this.#apply({
      type: 'bound',
      dataEndpoint: this.#dataSocket?.endpoint ?? '',
      dataKey: this.#dataSocket?.publicKey ?? '',
    });
    this.#clock.enter(PHASE_INDEX.compiling);
    const { Session } = await this.#session;
    this.#current = await Session.warmUp({
      config,
      worker: this.#state.worker,
      hub: hello.hub,
      runId: this.#runId,
      fault,
      logger,
      control: this.#control,
      clock: this.#clock,
      channel: this.#channel,
      dataSocket: this.#dataSocket,
    });
  }

  async #prepare(assignment: Assignment): Promise<void> {
    this.#apply({ type: 'preparationBegun' });
    const { sharedMemory } = assignment;
    // From here to the start a file has a name: the control thread takes it away if the parent goes, not the kernel.
    if (sharedMemory !== '') {
      surviveParent();
      this.#channel.protect([sharedMemoryFile(sharedMemory)]);
    }
    const report = await this.#current!.prepare(assignment);
    this.#clock.enter(PHASE_INDEX.ready);
    this.#apply({ type: 'prepared', report });
  }

  async #train(startUpdate: number): Promise<void> {
    // Everybody has opened the memory: without its name, nothing can be left behind, whatever is killed.
    this.#current!.unlinkMemory();
    this.#channel.protect([]);
    this.#watchParent();
    const { committed, announce } = await this.#current!.train(startUpdate);
    this.#apply({ type: 'trained', atUpdate: committed, announce });
  }

  async #deliver(): Promise<void> {
    const stateSha256 = await this.#current!.deliver(this.#state.atUpdate);
    this.#clock.enter(PHASE_INDEX.stopped);
    this.#apply({ type: 'delivered', stateSha256 });
  }

  #watchParent(): void {
    const { parentPid } = this.#options.environment;
    if (parentPid === null || dieWithParent(parentPid)) return;
    this.#apply({ type: 'coordinatorLost', message: 'the process that started this worker has ended' });
  }

  /** An abort is the consequence of something that the coordinator knows and is about to say. */
  #fail(cause: unknown): void {
    if (isOver(this.#state)) return;
    const { code, message, details } = asGantryError(cause);
    const failed: WorkerEvent = { type: 'failed', code, message, detailsJson: JSON.stringify(details) };
    if (code === 'GANTRY_ABORTED' && this.#control.aborted) setTimeout(() => this.#apply(failed), FAILURE_GRACE_MS);
    else this.#apply(failed);
  }

  /** Nothing in a sound run; after an abort, a hint at who talked to whom. */
  #recordStale(what: string, count: number): void {
    if (count === 0) return;
    this.#recorder.record(performance.now(), this.#recorder.event(what), this.#progress.committed, count);
  }

  #report({ code, message }: { code: ErrorCode; message: string }): void {
    const { logger } = this.#options;
    this.#recordStale('stale control frames', this.#progress.stale);
    this.#recordStale('stale data frames', this.#current?.staleFrames ?? 0);
    // Before an assignment there is no protocol to look back on.
    if (this.#state.generation > 0) for (const line of this.#recorder.dump(DUMP_LINES)) logger.log('info', line);
    logger.log('error', message, { code, update: this.#progress.workingUpdate, phase: this.#clock.phase });
  }
}

function asGantryError(cause: unknown): GantryError {
  if (cause instanceof GantryError) return cause;
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return new GantryError('GANTRY_INTERNAL', text.slice(0, 4000), { cause });
}
