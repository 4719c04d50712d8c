import type { ControlWords, DataSocket, HostMemory } from '@gantry/collective';
import { type Assignment, assert, type Logger, type RunConfig, SAMPLES_BYTES_MAX } from '@gantry/common';
import { commitsBefore, updatesPerStep } from '@gantry/gan';
import type { Fault } from '../core/fault.js';
import type { PreparationReport } from '../core/lifecycle.js';
import { parityAfter } from '../core/state-images.js';
import type { ControlChannel } from './control-channel.js';
import { LeaderDuties } from './leader-duties.js';
import { type Prepared, prepare } from './prepare.js';
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
  readonly logger: Logger;
  readonly control: ControlWords;
  readonly clock: StepClock;
  readonly channel: ControlChannel;
  readonly dataSocket: DataSocket | null;
}

/** The training side of a worker, behind one import that brings models, engine and data with it. */
export class Session {
  readonly #options: SessionOptions;
  readonly #warm: WarmUp;
  #prepared: Prepared | null = null;
  #memory: HostMemory | null = null;
  #duties: LeaderDuties | null = null;

  private constructor(options: SessionOptions, warm: WarmUp) {
    this.#options = options;
    this.#warm = warm;
  }

  /** Everything that can be done before the assignment. */
  static async warmUp(options: SessionOptions): Promise<Session> {
    return new Session(options, await warmUp(options.config, { hub: options.hub, logger: options.logger }));
  }

  async prepare(assignment: Assignment): Promise<PreparationReport> {
    const { worker, runId, control, clock, dataSocket, fault, channel, logger } = this.#options;
    const started = performance.now();
    const prepared = await prepare({
      ...{ worker, runId, assignment, warm: this.#warm, control, clock, dataSocket, fault },
      send: (message) => channel.send(message),
      receiveState: () => channel.receiveState(),
    });
    this.#prepared = prepared;
    this.#memory = prepared.memory;
    logger.log('info', 'prepared', { ms: Math.round(performance.now() - started) });
    return prepared.report;
  }

  /** Takes the name of the shared memory away; the memory itself stays as long as somebody has it open. */
  unlinkMemory(): void {
    this.#memory?.close();
  }

  /** @returns the number of committed updates, and whether the others have to be told that it is not the last one */
  async train(startUpdate: number): Promise<{ committed: number; announce: boolean }> {
    const { training } = this.#ready();
    const duties = training.role.leader ? this.#makeDuties() : null;
    this.#duties = duties;
    const end = await trainingLoop(training, startUpdate, (stepsDone, committed) => {
      // A whole step says that everybody has connected.
      this.#options.dataSocket?.unlink();
      return duties?.afterStep(stepsDone, committed);
    });
    training.meter.flush();
    return { committed: end.committed, announce: end.stopped && training.role.leader };
  }

  /** The leader's pictures and state reach the coordinator. @returns SHA-256 of the committed state */
  async deliver(committed: number): Promise<string> {
    const { config, images } = this.#ready().training;
    if (this.#duties !== null) return this.#duties.finish(committed / updatesPerStep(config), committed);
    return hashState(images, parityAfter(commitsBefore(committed, config)));
  }

  /** Data frames that were not for this run, generation or update. */
  get staleFrames(): number {
    return this.#prepared?.staleFrames() ?? 0;
  }

  async close(): Promise<void> {
    this.unlinkMemory();
    await this.#prepared?.close();
    await this.#warm.engine.dispose();
  }

  #ready(): Prepared {
    assert(this.#prepared !== null, 'a session is prepared before it trains');
    return this.#prepared;
  }

  #makeDuties(): LeaderDuties {
    const { channel, clock, logger } = this.#options;
    const { config, engine, gan, source } = this.#warm;
    const { images } = this.#ready().training;
    const sampler = new Sampler({ engine, gan, images, source, seed: config.seed });
    if (sampler.count === 0) {
      const shape = gan.imageShape.join('×');
      logger.log(
        'warn',
        `no pictures will be drawn: one of ${shape} has more bytes than the ${SAMPLES_BYTES_MAX} of a message`,
      );
    }
    return new LeaderDuties({ config, images, sampler, channel, clock });
  }
}
