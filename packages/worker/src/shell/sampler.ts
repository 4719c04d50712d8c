import { fillNormalRows, layoutViews, type Message, STREAMS, type StateRole } from '@gantry/common';
import { type DataSource, readPicture, sampleAt } from '@gantry/data';
import type { BoundExecutable, Engine, Executable } from '@gantry/engine';
import type { Gan } from '@gantry/gan';
import { sampleCount } from '../core/sample-count.js';
import type { StateImages } from '../core/state-images.js';
import type { StreamedSource } from './streamed-source.js';

export interface SamplerOptions {
  readonly engine: Engine;
  readonly gan: Gan;
  readonly images: StateImages;
  readonly source: DataSource;
  /** Null: the source's samples are all here. */
  readonly streamed: StreamedSource | null;
  readonly seed: number;
}

/** Pictures of a fixed z: from the committed weights of G, and from their moving average where one is kept. */
export class Sampler {
  /** Pictures of each kind; 0 where one is too large to be sent. */
  readonly count: number;
  readonly #options: SamplerOptions;
  /** [count, latent] */
  readonly #z: Float32Array;
  /** [count, h, w, c] in 0…1 */
  readonly #pixels: Float32Array;
  readonly #real: Uint8Array;
  readonly #bound = new Map<string, BoundExecutable>();
  #executable: Executable | null = null;

  /** Reads real samples beside which the pictures are shown; they may have to come first. */
  static async create(options: SamplerOptions): Promise<Sampler> {
    const sampler = new Sampler(options);
    await sampler.#readReal();
    return sampler;
  }

  private constructor(options: SamplerOptions) {
    const { gan, seed } = options;
    const [height, width, channels] = gan.imageShape;
    const floats = height * width * channels;
    const count = sampleCount(floats);
    this.#options = options;
    this.count = count;
    this.#z = new Float32Array(count * gan.latent);
    this.#pixels = new Float32Array(count * floats);
    this.#real = new Uint8Array(count * floats);
    fillNormalRows(this.#z, 0, count, gan.latent, { seed, stream: STREAMS.pictures, step: 0, sample: 0 });
  }

  async #readReal(): Promise<void> {
    const { source, streamed, seed } = this.#options;
    const bytes = this.#real.length / Math.max(1, this.count);
    for (let i = 0; i < this.count; i++) {
      const sample = sampleAt(seed, 0, i % source.count, source.count);
      if (streamed !== null) await streamed.readySample(sample);
      readPicture(source, sample, this.#real, i * bytes);
    }
  }

  /** @param image The image that holds the committed weights of G. */
  async draw(step: number, image: 0 | 1): Promise<Message> {
    const [height, width, channels] = this.#options.gan.imageShape;
    const raw = await this.#generate(image, 'params');
    const ema = await this.#generate(image, 'ema');
    return { kind: 'samples', step, count: this.count, height, width, channels, ema, raw, real: this.#real };
  }

  /** uint8 [count, h, w, c]; empty where the state has no such role. */
  async #generate(image: 0 | 1, role: StateRole): Promise<Uint8Array> {
    const weights = this.#options.images.section(image, 'generator', role);
    if (weights === null) return new Uint8Array();
    const key = `${role}${image}`;
    const bound = this.#bound.get(key) ?? (await this.#bind(weights));
    this.#bound.set(key, bound);
    await bound.run();
    return Uint8Array.from(this.#pixels, (value) => Math.round(Math.min(1, Math.max(0, value)) * 255));
  }

  async #bind(weights: Float32Array): Promise<BoundExecutable> {
    const { engine, gan } = this.#options;
    this.#executable ??= await engine.compile(gan.generateProgram(this.count));
    const inputs = { ...layoutViews(gan.layouts.generator, weights, 'generator/'), z: this.#z };
    return this.#executable.bind(inputs, { images: this.#pixels });
  }
}
