import {
  assertNever,
  COORDINATOR_FAULT,
  type ErrorCode,
  encodeEnvelope,
  GantryError,
  parseFault,
} from '@gantry/common';
import { step } from '../core/coordinator-core.js';
import type { CoordinatorEvent, Effect, RunOutcome, Settings } from '../core/events.js';
import { isInputError } from '../core/failure.js';
import type { RunEvent, RunResult } from '../core/run-events.js';
import { type CoordinatorState, initialState } from '../core/state.js';
import { statusOf } from '../core/status.js';
import { Artifacts } from './artifacts.js';
import { listCheckpoints } from './checkpoint-writer.js';
import { ABORT_KILL_MS, ABORT_TERM_MS, BYE_KILL_MS, STATUS_EVERY_MS, TICK_MS } from './constants.js';
import { ControlSocket, checkBind } from './control-socket.js';
import { DataSupply } from './data-supply.js';
import { refusalOf } from './identify.js';
import { readJournal } from './journal-file.js';
import { LocalWorkers } from './local-workers.js';
import {
  BIND_DEFAULT,
  type CoordinatorOptions,
  checkHub,
  commandOf,
  type RunningCoordinator,
  settingsOf,
  startEventOf,
  takeOverCommandOf,
} from './options.js';
import { Reception } from './reception.js';
import { checkUnchanged } from './resume.js';
import { RunDirectory } from './run-directory.js';
import type { RunParts } from './run-parts.js';
import { removeSharedMemory } from './shared-memory-files.js';
import { StateSupply } from './state-supply.js';
import { earlierLosses, NO_LOSSES, StatusWriter } from './status-file.js';
import { watchStopped } from './watch-stopped.js';

/**
 * Starts a run: locks its folder, binds, starts the local workers, and trains as soon as everyone has joined.
 *
 * @throws GantryError GANTRY_RUN_LOCKED, GANTRY_RUN_EXISTS, GANTRY_RUN_NOT_FOUND (resume), GANTRY_CONFIG_CHANGED (resume),
 * GANTRY_BIND_REFUSED, GANTRY_KEYS_INVALID, GANTRY_TRANSPORT_FAILED, before anything is started.
 */
export async function startCoordinator(options: CoordinatorOptions): Promise<RunningCoordinator> {
  const startedMs = performance.now();
  const { config, resume = false, allowNumbers = false } = options;
  checkBind(options.bind ?? BIND_DEFAULT, { insecure: options.insecure ?? false, keys: options.keys });
  checkHub(options);
  const fault = parseFault(process.env.GANTRY_FAULT, COORDINATOR_FAULT);
  const directory = await RunDirectory.open(options.runDirectory);
  try {
    const found = resume ? await readJournal(options.runDirectory) : null;
    const journal = found?.journal ?? null;
    if (journal !== null) checkUnchanged(journal.config, config, allowNumbers);
    const settings = settingsOf(options, journal, startedMs);
    if (!resume) await directory.expectFresh(commandOf(options));
    const earlier = resume ? await earlierLosses(options.runDirectory, settings.runId) : NO_LOSSES;
    const shell = await CoordinatorShell.open(options, settings, { directory, earlier, fault });
    shell.begin((await listCheckpoints(directory.checkpoints)).at(-1) ?? 0);
    if (typeof found?.problem === 'string') shell.warn(found.problem);
    return shell;
  } catch (error) {
    await directory.discard();
    throw error;
  }
}

/** Ends `done` one way or the other. */
interface Settle {
  resolve(result: RunResult): void;
  reject(error: GantryError): void;
}

/** What is said of a worker that does not answer. */
const GONE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['GANTRY_WORKER_LOST', 'GANTRY_WORKER_STALLED']);

/** The loop around the core: events in, effects out, one after the other. */
class CoordinatorShell implements RunningCoordinator {
  readonly runId: string;
  readonly endpoint: string;
  readonly done: Promise<RunResult>;
  readonly #options: CoordinatorOptions;
  readonly #settings: Settings;
  readonly #directory: RunDirectory;
  readonly #socket: ControlSocket;
  readonly #workers: LocalWorkers;
  readonly #artifacts: Artifacts;
  readonly #supply: StateSupply;
  readonly #data: DataSupply;
  readonly #status: StatusWriter;
  readonly reception: Reception;
  readonly #sharedMemory = new Set<string>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #settle: Settle;
  #state: CoordinatorState;
  #queue: CoordinatorEvent[] = [];
  #draining = true;
  #over = false;
  #trained = false;

  static async open(options: CoordinatorOptions, settings: Settings, parts: RunParts): Promise<CoordinatorShell> {
    let shell: CoordinatorShell | undefined;
    const socket = await ControlSocket.open({
      bind: options.bind ?? BIND_DEFAULT,
      insecure: options.insecure ?? false,
      keys: options.keys,
      onFrame: (peer, frame, name) => shell?.reception.receive(peer, frame, name),
      onGone: (peer) => shell?.lose(peer),
      probe: (peer) => shell?.reception.probe(peer) ?? null,
      farewell: (_peer, name) => refusalOf(settings.runId, `the key of ${name} was taken off the allow-list`),
      onWarning: (message) => shell?.warn(message),
    });
    shell = new CoordinatorShell(options, settings, { ...parts, socket });
    return shell;
  }

  private constructor(options: CoordinatorOptions, settings: Settings, parts: RunParts & { socket: ControlSocket }) {
    const { directory, earlier, fault, socket } = parts;
    this.#options = options;
    this.#settings = settings;
    this.#directory = directory;
    this.#socket = socket;
    this.#state = initialState(settings);
    this.#artifacts = new Artifacts(settings, directory, {
      onCheckpoint: (checkpoint) => this.post({ type: 'checkpointSaved', nowMs: performance.now(), checkpoint }),
      onSample: (atStep, file) => this.#emit({ event: 'sample', step: atStep, path: file }),
      onError: (error) => this.#fail(error),
    });
    this.#supply = new StateSupply({
      runId: settings.runId,
      config: settings.config,
      directory,
      takeState: (update) => this.#artifacts.takeState(update),
      send: (peer, frame) => socket.send(peer, frame),
      warn: (message) => this.warn(message),
      onError: (error) => this.#fail(error),
    });
    this.#data = new DataSupply({
      runId: settings.runId,
      dataset: settings.config.dataset,
      fault,
      send: (peer, frame) => socket.send(peer, frame),
      emit: (event) => this.#emit(event),
      onError: (error) => this.#fail(error),
    });
    this.#status = new StatusWriter({
      runDirectory: options.runDirectory,
      endpoint: socket.endpoint,
      takeOverCommand: takeOverCommandOf(options),
      earlier,
      status: () => statusOf(this.#state, performance.now()),
    });
    this.reception = new Reception({
      runId: settings.runId,
      state: () => this.#state,
      post: (event) => this.post(event),
      send: (peer, frame) => socket.send(peer, frame),
      supply: (client, message) => this.#data.take(client, message),
      warn: (message) => this.warn(message),
      isEnding: (worker) => this.#workers.isEnding(worker),
    });
    this.runId = settings.runId;
    this.endpoint = socket.endpoint;
    let settle: Settle | undefined;
    this.done = new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
    this.#settle = settle!;
    // Whoever waits for it hears of a failure; nobody has to.
    this.done.catch(() => {});
    // As early as can be: what follows here takes place while they load.
    this.#workers = new LocalWorkers({
      command: options.workerCommand,
      endpoint: socket.endpoint,
      workers: settings.localWorkers,
      hub: settings.hub,
      device: settings.config.device,
      launchToken: settings.launchToken,
      logs: directory.logs,
      launchKey: (worker) => socket.admitOwn(worker),
      onExit: (exit) => this.post({ type: 'childExit', nowMs: performance.now(), ...exit }),
    });
  }

  stop(): void {
    this.post({ type: 'stop', nowMs: performance.now() });
  }

  abort(reason: string): void {
    this.post({ type: 'abort', nowMs: performance.now(), reason });
  }

  /** A connection broke. */
  lose(peer: string): void {
    this.#data.forget(peer);
    void this.reception.lose(peer);
  }

  /** Starts the loop when the folder is ready. */
  begin(fromStep: number): void {
    this.#emit(startEventOf(this.#settings, { ...this.#options, endpoint: this.endpoint, fromStep }));
    void this.#prepare().then(() => {
      this.#draining = false;
      // Of a resume, what is known before its checkpoint is read is less than what the file says.
      if (!this.#settings.resume) void this.#status.write();
      this.#timers.push(
        setInterval(() => this.post({ type: 'tick', nowMs: performance.now() }), TICK_MS),
        setInterval(() => void this.#status.write(), STATUS_EVERY_MS),
        watchStopped({
          stopped: () => (this.#trained ? [] : this.#workers.stopped()),
          leaseMs: this.#settings.config.leaseMs,
          onOverdue: (worker) => this.post({ type: 'childStopped', nowMs: performance.now(), worker }),
        }),
      );
      void this.#drain();
    });
  }

  async #prepare(): Promise<void> {
    const { runId, config, resume } = this.#settings;
    try {
      await this.#directory.prepare({ runId, config, keptFiles: this.#options.keptFiles ?? {}, resume });
      if (!resume) {
        await this.#directory.truncateMetrics(0);
        await this.#directory.removeDumps();
      }
    } catch (error) {
      this.#fail(error);
    }
    if (resume) void this.#restore();
  }

  async #restore(): Promise<void> {
    try {
      this.post(await this.#supply.restore());
      void this.#status.write();
    } catch (error) {
      this.#fail(error);
    }
  }

  warn(message: string): void {
    this.#emit({ event: 'warning', message });
  }

  post(event: CoordinatorEvent): void {
    // A tick that waits behind a slow effect says all that a second one would.
    if (event.type === 'tick' && this.#queue.some(({ type }) => type === 'tick')) return;
    this.#queue.push(event);
    if (!this.#draining) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
      for (const effect of this.#step(event)) {
        try {
          const pending = this.#perform(effect);
          if (pending !== undefined) await pending;
        } catch (error) {
          this.#fail(error);
          // What follows promises what was to be durable first, and is not.
          if (effect.type === 'journal') break;
        }
      }
    }
    this.#draining = false;
  }

  /** A broken invariant of the core ends the run as any other failure does; one of the failing itself ends the process. */
  #step(event: CoordinatorEvent): readonly Effect[] {
    try {
      const { state, effects } = step(this.#state, event);
      this.#state = state;
      return effects;
    } catch (error) {
      if (event.type === 'failed') throw error;
      this.#fail(error);
      return [];
    }
  }

  #perform(effect: Effect): void | Promise<void> {
    switch (effect.type) {
      case 'send':
        return this.#send(effect);
      case 'journal':
        return this.#journal(effect);
      case 'sendState':
        return this.#supply.sendRestored(effect);
      case 'relayState':
        return this.#supply.relay(effect);
      case 'readCheckpoint':
        return void this.#restore();
      case 'rewindMetrics':
        return this.#directory.truncateMetrics(effect.step);
      case 'killWorker':
        return this.#workers.kill(effect.worker);
      case 'startWorker':
        return void this.#workers.startAgain(effect.worker, effect);
      case 'storeChunk':
        return this.#artifacts.storeChunk(effect);
      case 'saveCheckpoint':
        return this.#artifacts.saveCheckpoint(effect);
      case 'dropStates':
        return this.#artifacts.dropStates(effect.updates);
      case 'deleteCheckpoints':
        return this.#artifacts.deleteCheckpoints(effect.steps);
      case 'metrics':
        return this.#directory.addMetrics(effect.row, (error) => this.#fail(error));
      case 'sample':
        return this.#artifacts.saveSample(effect.samples);
      case 'emit':
        return this.#emit(effect.event);
      case 'log':
        return this.#emit({ event: 'warning', message: effect.message });
      case 'end':
        return void this.#finish(effect.outcome);
      default:
        return assertNever(effect);
    }
  }

  /** Waits for the disk only where the next effect promises what is written: a slow fsync must not look like a lost worker. */
  #journal({ record, first }: Extract<Effect, { type: 'journal' }>): void | Promise<void> {
    const written = this.#directory.writeJournal(record);
    if (first) return written;
    written.catch((error) => this.#fail(error));
  }

  #send({ peer, envelope }: Extract<Effect, { type: 'send' }>): void {
    const { body } = envelope;
    if (body.kind === 'assignment' && body.sharedMemory !== '') this.#sharedMemory.add(body.sharedMemory);
    void this.#socket.send(peer, encodeEnvelope(envelope));
  }

  #fail(error: unknown): void {
    const known = error instanceof GantryError ? error : null;
    const message = known?.message ?? `unexpected: ${(error as Error).stack ?? String(error)}`;
    const code = known?.code ?? 'GANTRY_INTERNAL';
    this.post({ type: 'failed', nowMs: performance.now(), code, message, details: known?.details ?? {} });
  }

  /** After an error or the end nothing more is said but by `#finish`. */
  #emit(event: RunEvent): void {
    if (this.#over) return;
    if (event.event === 'error') this.#over = true;
    // Whatever comes next: why the run is as it is can be read.
    if (event.event === 'error' || event.event === 'worker-lost') void this.#status.write();
    if (event.event === 'ready') {
      this.#trained = true;
      this.#supply.release();
    }
    this.#options.onEvent(event);
  }

  /** Sees every local worker out, writes what is pending, lets everything go; then says what came of the run. */
  async #finish(outcome: RunOutcome): Promise<void> {
    const failed = 'error' in outcome;
    if (failed && GONE.has(outcome.error.code)) this.#workers.kill(String(outcome.error.details.worker));
    // One that was still starting, for a generation that is not to come.
    if (!failed) this.#workers.killAllBut(this.#state.members.map(({ worker }) => worker));
    await this.#workers.end(
      failed
        ? { termMs: ABORT_TERM_MS, killMs: ABORT_KILL_MS }
        : { termMs: BYE_KILL_MS, killMs: BYE_KILL_MS + ABORT_KILL_MS },
    );
    for (const timer of this.#timers) clearInterval(timer);
    await this.#artifacts.settled();
    await this.#data.close();
    await this.#socket.close();
    await removeSharedMemory(this.#sharedMemory);
    // Also what is removed next: another write of it may still be going on.
    await this.#status.write();
    if (failed && this.#leavesNothing(outcome.error.code)) await this.#directory.discardUntrained();
    else await this.#directory.close();
    if (failed) {
      const { code, message, details } = outcome.error;
      this.#settle.reject(new GantryError(code, message, { details }));
      return;
    }
    this.#emit({ event: 'done', ...outcome.result });
    this.#over = true;
    this.#settle.resolve(outcome.result);
  }

  /** Mistakes in what a person gave are told in full by the error: no folder is left of a run that never trained. */
  #leavesNothing(code: ErrorCode): boolean {
    const { resume } = this.#settings;
    return !resume && !this.#trained && (isInputError(code) || code === 'GANTRY_INTERRUPTED');
  }
}
