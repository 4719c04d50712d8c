import { type RunConfig, STATES_IN_FLIGHT_MAX } from '@gantry/common';
import { commitsBefore } from '@gantry/gan';
import { parityAfter, type StateImages } from '../core/state-images.js';
import type { ControlChannel } from './control-channel.js';
import { PHASE_INDEX } from './progress-words.js';
import type { Sampler } from './sampler.js';
import type { StateVerifier } from './state-verifier.js';
import type { StepClock } from './step-clock.js';

export interface LeaderDutiesOptions {
  readonly config: RunConfig;
  readonly images: StateImages;
  readonly sampler: Sampler;
  readonly channel: ControlChannel;
  readonly clock: StepClock;
  /** Null: there is no other replica. */
  readonly verifier: Pick<StateVerifier, 'confirm'> | null;
}

/**
 * What the leader does between two steps: pictures, and copies of the committed state. A copy is safe because nobody can
 * write into the committed image before the leader's next partials are there; it leaves with the control thread.
 */
export class LeaderDuties {
  readonly #options: LeaderDutiesOptions;
  /** States that are on their way, oldest first; each ends with its hash. */
  readonly #streams: { readonly update: number; readonly delivered: Promise<string> }[] = [];
  #sampledStep = -1;

  constructor(options: LeaderDutiesOptions) {
    this.#options = options;
  }

  /** Undefined where nothing is due, so that the loop need not wait. */
  afterStep(stepsDone: number, committed: number): undefined | Promise<void> {
    const { checkpointEvery, sampleEvery, steps } = this.#options.config;
    if (stepsDone === steps) return undefined;
    const sample = sampleEvery > 0 && stepsDone % sampleEvery === 0;
    const save = checkpointEvery > 0 && stepsDone % checkpointEvery === 0;
    return sample || save ? this.#perform({ stepsDone, committed, sample, save }) : undefined;
  }

  /** The last pictures and the final state. @returns its SHA-256, when the coordinator has it on its disk. */
  async finish(stepsDone: number, committed: number): Promise<string> {
    if (this.#sampledStep !== stepsDone) await this.#sample(stepsDone, committed);
    if (this.#streams.at(-1)?.update !== committed) await this.#save(committed);
    this.#options.clock.enter(PHASE_INDEX.saving);
    return this.#streams.at(-1)!.delivered;
  }

  async #perform(due: { stepsDone: number; committed: number; sample: boolean; save: boolean }): Promise<void> {
    if (due.save) await this.#save(due.committed);
    if (due.sample) await this.#sample(due.stepsDone, due.committed);
  }

  async #sample(step: number, committed: number): Promise<void> {
    const { clock, sampler, channel, config } = this.#options;
    if (sampler.count === 0) return;
    clock.enter(PHASE_INDEX.sampling);
    const { generator } = parityAfter(commitsBefore(committed, config));
    channel.send(await sampler.draw(step, generator));
    this.#sampledStep = step;
  }

  async #save(committed: number): Promise<void> {
    const { clock, images, channel, config, verifier } = this.#options;
    clock.enter(PHASE_INDEX.saving);
    if (this.#streams.length >= STATES_IN_FLIGHT_MAX) await this.#streams.shift()!.delivered;
    const state = images.copy(parityAfter(commitsBefore(committed, config)));
    verifier?.confirm(committed, state);
    this.#streams.push({ update: committed, delivered: channel.stream(committed, state) });
  }
}
