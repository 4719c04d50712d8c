import {
  assert,
  deviceOfWorker,
  fillNormalRows,
  GantryError,
  layoutViews,
  type RunConfig,
  STREAMS,
  type StateLayout,
} from '@gantry/common';
import { createEngine } from '@gantry/engine';
import { buildGan, type Gan, loadDefinition } from '@gantry/gan';

/** Samples computed at a time, always: the same program for every sample, so that none depends on how many are asked for. */
export const SAMPLES_PER_BATCH = 64;

export type WeightsName = 'ema' | 'params';

/** Samples [64, h, w, c], both ways. */
export interface SampleBatch {
  /** As bytes 0…255. */
  readonly pixels: Uint8Array;
  /** As the network made them. */
  readonly floats: Float32Array;
}

/** The generator of a checkpoint on a device. */
export interface SampleSource {
  readonly imageShape: readonly [number, number, number];
  /** Which weights are used. */
  readonly weights: WeightsName;
  /** Samples `first` … `first + SAMPLES_PER_BATCH` of `seed`; views that the next call overwrites. */
  batch(first: number): Promise<SampleBatch>;
  dispose(): Promise<void>;
}

export interface SampleSourceOptions {
  readonly config: RunConfig;
  /** The checkpoint's flat state and what lies where in it. */
  readonly state: Float32Array;
  readonly layout: StateLayout;
  readonly seed: number;
  /** @default ema where the checkpoint holds one */
  readonly weights?: WeightsName | undefined;
}

/** @throws GantryError GANTRY_USAGE if there is no EMA; GANTRY_CHECKPOINT_INVALID if model and state do not fit. */
export async function openSampleSource(options: SampleSourceOptions): Promise<SampleSource> {
  const { config, seed } = options;
  const { definition } = await loadDefinition(config.model, config.preset);
  const gan = buildGan(definition, config);
  const { weights, flat } = chooseWeights(options, gan);
  const engine = await createEngine({ ...config, device: deviceOfWorker(config.device, 0) });
  const executable = await engine.compile(gan.generateProgram(SAMPLES_PER_BATCH));
  const z = new Float32Array(SAMPLES_PER_BATCH * gan.latent);
  const images = new Float32Array(SAMPLES_PER_BATCH * gan.imageShape.reduce((product, size) => product * size, 1));
  const bound = executable.bind({ ...layoutViews(gan.layouts.generator, flat, 'generator/'), z }, { images });
  const pixels = new Uint8Array(images.length);
  const key = { seed, stream: STREAMS.generate, step: 0, sample: 0 };
  return {
    imageShape: gan.imageShape,
    weights,
    async batch(first) {
      key.sample = first;
      fillNormalRows(z, 0, SAMPLES_PER_BATCH, gan.latent, key);
      await bound.run();
      toPixels(images, pixels);
      return { pixels, floats: images };
    },
    async dispose() {
      executable.dispose();
      await engine.dispose();
    },
  };
}

function chooseWeights(options: SampleSourceOptions, gan: Gan): { weights: WeightsName; flat: Float32Array } {
  const sections = options.layout.sections.filter(({ network }) => network === 'generator');
  const hasEma = sections.some(({ role }) => role === 'ema');
  if (options.weights === 'ema' && !hasEma) {
    throw new GantryError('GANTRY_USAGE', 'the run kept no EMA of the generator: use --weights params');
  }
  const weights = options.weights ?? (hasEma ? 'ema' : 'params');
  const section = sections.find(({ role }) => role === weights);
  assert(section !== undefined, `a state without the generator's ${weights}`);
  if (section.length !== gan.layouts.generator.length) {
    throw new GantryError(
      'GANTRY_CHECKPOINT_INVALID',
      `the checkpoint's generator has ${section.length} floats and the model's ${gan.layouts.generator.length}: the model file has changed since`,
    );
  }
  return { weights, flat: options.state.subarray(section.offset, section.offset + section.length) };
}

/** 0…1 → 0…255, rounded; what lies outside is clamped. */
export function toPixels(images: Float32Array, pixels: Uint8Array): void {
  for (let i = 0; i < images.length; i++) {
    const value = images[i]! * 255;
    pixels[i] = value <= 0 ? 0 : value >= 255 ? 255 : Math.round(value);
  }
}
