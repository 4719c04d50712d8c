import type { ControlWords, DataSocket } from '@gantry/collective';
import { type Assignment, assert, type Fault, type Logger, type RunConfig, SAMPLES_BYTES_MAX } from '@gantry/common';
import { commitsBefore, updatesPerStep } from '@gantry/gan';
import type { PreparationReport } from '../core/lifecycle.js';
import { parityAfter } from '../core/state-images.js';
import type { DataMode } from '../core/worker-options.js';
import type { ControlChannel } from './control-channel.js';
import { LeaderDuties } from './leader-duties.js';
import { openData } from './open-data.js';
import { type Prepared, prepare } from './prepare.js';
import { PHASE_INDEX } from './progress-words.js';
import { Sampler } from './sampler.js';
import { hashState } from './state-hash.js';
import type { StepClock } from './step-clock.js';
import { trainingLoop } from './training-loop.js';
import { type WarmUp, warmUp } from './warm-up.js';

export interface SessionOptions {
  readonly config: RunConfig;
  readonly worker: string;
  readonly hub: boolean;
  readonly runId: string;
  readonly fault: Fault | null;
  readonly dataMode: DataMode;
  /** For data from the coordinator; null: the default. */
  readonly dataMemoryBytes: number | null;
  readonly logger: Logger;
  readonly control: ControlWords;
  readonly clock: StepClock;
  readonly channel: ControlChannel;
}

/** The state that a worker has in memory between two generations, or while one goes on. */
interface Held {
  readonly generation: number;
  readonly prepared: Prepared;
  /** The update that it began with. */
  readonly from: number;
  /** The last update that this member knows to be committed; of its whole host where members share memory. */
  update: number;
}

/** The training side of a worker, behind one import that brings models, engine and data with it. */
export class Session {
  readonly #options: SessionOptions;
  readonly #warm: WarmUp;
  #prepared: Prepared | null = null;
  #held: Held | null = null;
  /** Of the generations before, until everybody has what they need of them. */
  #former: Held[] = [];
  #dataSocket: DataSocket | null = null;
  #duties: LeaderDuties | null = null;

  private constructor(options: SessionOptions, warm: WarmUp) {
    this.#options = options;
    this.#warm = warm;
  }

  /** Everything that can be done before the assignment. */
  static async warmUp(options: SessionOptions): Promise<Session> {
    const { config, hub, logger, channel, clock, control } = options;
    const onWait = (): void => {
      // Every chunk that comes is progress, of which the coordinator hears.
      clock.enter(PHASE_INDEX.loading);
      control.throwIfAborted(clock.update, 'data');
    };
    const data = {
      ...{ config, logger, channel, mode: options.dataMode, memoryBytes: options.dataMemoryBytes },
      onOpening: () => clock.enter(PHASE_INDEX.compiling),
      onWait,
    };
    return new Session(options, await warmUp(config, { hub, logger, openData: () => openData(data) }));
  }

  /** @param dataSocket This generation's; it is closed with it. Null: none is needed. */
  async prepare(assignment: Assignment, dataSocket: DataSocket | null): Promise<PreparationReport> {
    const { worker, runId, control, clock, fault, channel, logger } = this.#options;
    const started = performance.now();
    this.#dataSocket = dataSocket;
    const prepared = await prepare({
      ...{ worker, runId, assignment, warm: this.#warm, control, clock, dataSocket, fault },
      send: (message) => channel.send(message),
      receiveState: () => channel.receiveState(),
      heldState: (update) => this.#copyHeld(update),
    });
    this.#prepared = prepared;
    logger.log('info', 'prepared', { ms: Math.round(performance.now() - started) });
    if (this.#held !== null) this.#former.push(this.#held);
    const { generation, startUpdate } = assignment;
    this.#held = { generation, prepared, from: startUpdate, update: startUpdate };
    return prepared.report;
  }

  /** What it can bring into the next generation; generation 0: nothing. */
  get held(): { readonly heldGeneration: number; readonly heldUpdate: number } {
    // A generation that went on without this worker has given back the memory that they shared.
    const held = this.#held?.prepared.memory.isDiscarded ? null : this.#held;
    const { generation = 0, update = 0 } = held ?? {};
    return { heldGeneration: generation, heldUpdate: update };
  }

  /** Ends the generation: what is queued is dropped, the memory with the state stays. */
  async pause(): Promise<void> {
    const prepared = this.#prepared;
    this.#prepared = null;
    this.#duties = null;
    prepared?.training.meter.flush();
    if (prepared !== null && this.#held?.prepared === prepared) {
      const applied = prepared.training.exchange.appliedByAll() ?? this.#options.clock.committedUpdate;
      // Who has not yet committed anything in this generation still has the word of the update before its start.
      this.#held.update = Math.max(this.#held.update, applied);
    }
    prepared?.memory.close();
    await prepared?.close(false);
    this.#dataSocket?.close(false);
    this.#dataSocket = null;
  }

  /** Sends the state of `update` to the coordinator, for a member that has none. */
  sendState(update: number): void {
    void this.#options.channel.stream(update, this.#copyHeld(update));
  }

  #copyHeld(update: number): Float32Array<ArrayBuffer> {
    const held = this.#held;
    assert(held !== null && !held.prepared.memory.isDiscarded, `no state of update ${update} is held`);
    // Another member of this host may have seen one more update applied, or the run goes back by one.
    assert(Math.abs(held.update - update) <= 1, `update ${update} of a held ${held.update}`);
    // What was before its start is in no image.
    assert(update >= held.from, `update ${update} of a generation from ${held.from}`);
    const state = held.prepared.training.images.copy(parityAfter(commitsBefore(update, this.#warm.config)));
    // Whoever was stopped, and goes on, may have given the memory back meanwhile.
    assert(!held.prepared.memory.isDiscarded, `the state of update ${update} was given back while it was copied`);
    return state;
  }

  /**
   * Everybody has opened the memory: without its name nothing can be left behind, whatever is killed. The one of the
   * generation before has done its duty.
   */
  settleMemory(): void {
    this.#prepared?.memory.close();
    for (const { prepared } of this.#former) prepared.memory.discard();
    this.#former = [];
  }

  /** @returns the number of committed updates, and whether the others have to be told that it is not the last one */
  async train(startUpdate: number): Promise<{ committed: number; announce: boolean }> {
    const { training } = this.#ready();
    const duties = training.role.leader ? await this.#makeDuties() : null;
    this.#duties = duties;
    const end = await trainingLoop(training, startUpdate, (stepsDone, committed) => {
      // A whole step says that everybody has connected.
      this.#dataSocket?.unlink();
      return duties?.afterStep(stepsDone, committed);
    });
    training.meter.flush();
    return { committed: end.committed, announce: end.stopped && training.role.leader };
  }

  /** The leader's pictures and state reach the coordinator. @returns SHA-256 of the committed state */
  async deliver(committed: number): Promise<string> {
    const { config, images, verifier } = this.#ready().training;
    verifier?.atEnd(committed);
    if (this.#duties !== null) return this.#duties.finish(committed / updatesPerStep(config), committed);
    return hashState(images, parityAfter(commitsBefore(committed, config)));
  }

  /** Data frames that were not for this run, generation or update. */
  get staleFrames(): number {
    return this.#prepared?.staleFrames() ?? 0;
  }

  async close(): Promise<void> {
    this.#prepared?.memory.close();
    await this.#prepared?.close(true);
    this.#dataSocket?.close();
    await this.#warm.engine.dispose();
  }

  #ready(): Prepared {
    assert(this.#prepared !== null, 'a session is prepared before it trains');
    return this.#prepared;
  }

  async #makeDuties(): Promise<LeaderDuties> {
    const { channel, clock, logger } = this.#options;
    const { config, engine, gan, source, streamed } = this.#warm;
    const { images, verifier } = this.#ready().training;
    const sampler = await Sampler.create({ engine, gan, images, source, streamed, seed: config.seed });
    if (sampler.count === 0) {
      const shape = gan.imageShape.join('×');
      logger.log(
        'warn',
        `no pictures will be drawn: one of ${shape} has more bytes than the ${SAMPLES_BYTES_MAX} of a message`,
      );
    }
    return new LeaderDuties({ config, images, sampler, channel, clock, verifier });
  }
}
