import { GantryError, type RunConfig } from '@gantry/common';
import type { GanDefinition } from '../definition.js';

/*
 * This file loads no TensorFlow.js, so that a command line may show presets and their defaults at once; a preset's networks
 * are loaded when they are asked for. Exported as `@gantry/gan/presets`.
 */

/** A named starting point of a run: networks, and defaults under the user's own settings. */
export interface Preset {
  readonly name: string;
  /** One line for `--help`. */
  readonly summary: string;
  readonly defaults: Readonly<Partial<RunConfig>>;
  /** The networks, for a run without `--model`. */
  definition(): Promise<GanDefinition>;
}

/** The article's data, batch and length: 100 rounds of 100 batches of 100. */
const ARTICLE = {
  dataset: 'mnist',
  batch: 100,
  steps: 10_000,
  discriminatorUpdates: 1,
  loss: 'non-saturating',
} as const;

async function articleMlp(): Promise<GanDefinition> {
  return (await import('./mlp.js')).mlp;
}

/** The article's GAN made stable: R1, a moving average of G and a higher rate (docs/gan.md says why). */
const mlp: Preset = {
  name: 'mlp',
  summary: "the article's multilayer perceptrons, made stable: R1 penalty, EMA of G, Adam 1e-3",
  defaults: {
    ...ARTICLE,
    updates: 'alternating',
    adam: { learningRate: 1e-3, beta1: 0.5, beta2: 0.999, epsilon: 1e-8 },
    emaDecay: 0.999,
    r1Gamma: 1,
    r1Interval: 4,
  },
  definition: articleMlp,
};

/** As the article prints it: G and D from one forward pass, no penalty, no average. It collapses to a few digits. */
const mlpPlain: Preset = {
  name: 'mlp-plain',
  summary: "the article's multilayer perceptrons as printed: simultaneous updates, no penalty, Adam 2e-4",
  defaults: {
    ...ARTICLE,
    updates: 'simultaneous',
    adam: { learningRate: 2e-4, beta1: 0.5, beta2: 0.999, epsilon: 1e-8 },
    emaDecay: 0,
    r1Gamma: 0,
    r1Interval: 1,
  },
  definition: articleMlp,
};

export const PRESETS: Readonly<Record<string, Preset>> = { [mlp.name]: mlp, [mlpPlain.name]: mlpPlain };
export const PRESET_NAMES: readonly string[] = Object.keys(PRESETS);
export const DEFAULT_PRESET = mlp.name;

/** @throws GantryError GANTRY_CONFIG_INVALID naming the presets that there are */
export function presetNamed(name: string): Preset {
  const preset = Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
  if (preset !== undefined) return preset;
  throw new GantryError(
    'GANTRY_CONFIG_INVALID',
    `preset: "${name}" is not a preset; use ${PRESET_NAMES.join(' or ')}.`,
    {
      details: { key: 'preset' },
    },
  );
}
