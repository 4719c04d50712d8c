import { fillNormalRows, type RandomKey, STREAMS } from '@gantry/common';
import type { ShardLoader } from '@gantry/data';
import type { UpdatePlan } from '@gantry/gan';
import type { StreamedSource } from './streamed-source.js';

/** Inputs of one own shard, overwritten for each update. */
export interface ShardInputs {
  readonly shard: number;
  /** [B/S, h, w, c] */
  readonly real: Float32Array;
  /** [B/S, latent] */
  readonly z: Float32Array;
}

/**
 * Real samples and noise of the own shards. Whatever they hold depends on seed, update and the sample's index in the global
 * batch alone.
 */
export class StepInputs {
  readonly shards: readonly ShardInputs[];
  readonly #loader: ShardLoader;
  /** Null: the samples are all here. */
  readonly #streamed: StreamedSource | null;
  readonly #latent: number;
  readonly #key: RandomKey;

  constructor(options: {
    loader: ShardLoader;
    streamed: StreamedSource | null;
    shards: readonly number[];
    latent: number;
    seed: number;
  }) {
    const { loader, streamed, shards, latent, seed } = options;
    this.#loader = loader;
    this.#streamed = streamed;
    streamed?.plan((batch) => this.#samplesOf(batch));
    this.#latent = latent;
    this.#key = { seed, stream: STREAMS.discriminatorNoise, step: 0, sample: 0 };
    this.shards = shards.map((shard) => ({
      shard,
      real: new Float32Array(loader.samples * loader.sampleFloats),
      z: new Float32Array(loader.samples * latent),
    }));
  }

  /**
   * Fills the inputs of an update; what the one before read is gone. Undefined, so that nothing is awaited, where the samples are
   * here.
   */
  prepare(plan: UpdatePlan): undefined | Promise<void> {
    const reads = plan.kind !== 'generator' && this.shards.length > 0;
    const coming = reads ? this.#streamed?.ready(plan.discriminatorUpdate) : undefined;
    if (coming !== undefined) return coming.then(() => this.#fill(plan));
    this.#fill(plan);
    return undefined;
  }

  /** `both` has one z, of D's stream. */
  #fill(plan: UpdatePlan): void {
    const ofGenerator = plan.kind === 'generator';
    const { samples } = this.#loader;
    this.#key.stream = ofGenerator ? STREAMS.generatorNoise : STREAMS.discriminatorNoise;
    this.#key.step = ofGenerator ? plan.generatorUpdate : plan.discriminatorUpdate;
    for (const { shard, real, z } of this.shards) {
      if (!ofGenerator) this.#loader.fill(plan.discriminatorUpdate, shard, real);
      this.#key.sample = shard * samples;
      fillNormalRows(z, 0, samples, this.#latent, this.#key);
    }
  }

  *#samplesOf(batch: number): Generator<number> {
    for (const { shard } of this.shards) {
      for (let i = 0; i < this.#loader.samples; i++) yield this.#loader.sampleIndex(batch, shard, i);
    }
  }
}
