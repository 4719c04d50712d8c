import { createHash } from 'node:crypto';
import type { NetworkName, RunConfig } from '@gantry/common';
import type { Gan } from './contract.js';
import { defineGan } from './define-gan.js';
import type { GanDefinition } from './definition.js';
import { resolveLoss } from './losses/resolve-loss.js';
import { buildNetwork } from './networks/network.js';
import { adamScalars, createUpdateProgram, emaRate } from './optimizers/adam.js';
import { createDiscriminateProgram, createGenerateProgram } from './sampling.js';
import { createInitialState, createStateLayout } from './state.js';
import { createGradientsProgram } from './step/gradients.js';

/** The settings of a run that a GAN's programs and state depend on. */
export type GanConfig = Pick<RunConfig, 'seed' | 'loss' | 'adam' | 'emaDecay' | 'r1Gamma' | 'r1Interval' | 'shards'>;

/**
 * Builds networks, layouts and programs of a definition. Synchronous, deterministic, and done once a process.
 *
 * @throws GantryError GANTRY_MODEL_INVALID naming network and layer, GANTRY_CONFIG_INVALID for an unknown loss
 * @example
 * const gan = buildGan((await loadDefinition(config.model, config.preset)).definition, config);
 * const gradients = await engine.compile(gan.gradientsProgram('discriminator', { samples: 50, penalized: true }));
 */
export function buildGan(definition: GanDefinition, config: GanConfig): Gan {
  const { latent, imageShape, name } = defineGan(definition);
  const loss = resolveLoss(definition, config.loss);
  const discriminator = buildNetwork(definition, 'discriminator', config.seed);
  const generator = buildNetwork(definition, 'generator', config.seed);
  const layouts = { discriminator: discriminator.layout, generator: generator.layout };
  const state = createStateLayout(layouts, { ema: config.emaDecay > 0 });
  const { r1Gamma, r1Interval, adam } = config;
  return {
    name,
    latent,
    imageShape,
    layouts,
    state,
    initialState: () =>
      createInitialState(state, { discriminator: discriminator.initial, generator: generator.initial }),
    gradientsProgram: (kind, options) =>
      createGradientsProgram(kind, {
        ...{ discriminator, generator, latent, imageShape, loss, r1Gamma, r1Interval },
        ...options,
      }),
    generateProgram: (count) => createGenerateProgram(generator, latent, count),
    discriminateProgram: (count) => createDiscriminateProgram(discriminator, imageShape, count),
    updateProgram: (network, options) =>
      createUpdateProgram({ network, ...options, adam, hasEma: network === 'generator' && config.emaDecay > 0 }),
    updateScalars: (_network, t) => ({
      ...adamScalars(adam, config.shards, t),
      emaRate: emaRate(config.emaDecay, t),
    }),
  };
}

/**
 * SHA-256 over a GAN's name, shapes and layout and the content of the definition it was built from
 * (`LoadedDefinition.contentHash`), in hex: equal in all members of a run.
 */
export function definitionHash(gan: Gan, contentHash: string): string {
  const describe = (network: NetworkName) => gan.layouts[network].entries.map(({ name, shape }) => [name, shape]);
  const { name, latent, imageShape } = gan;
  const parts = [name, latent, imageShape, describe('discriminator'), describe('generator'), contentHash];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
