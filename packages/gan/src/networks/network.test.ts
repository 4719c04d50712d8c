import { GantryError } from '@gantry/common';
import { getBackend } from '@tensorflow/tfjs-core';
import { input, type LayersModel, layers, model, sequential } from '@tensorflow/tfjs-layers';
import { describe, expect, it } from 'vitest';
import { buildGan } from '../build-gan.js';
import type { GanDefinition } from '../definition.js';
import { SMALL_CONFIG, smallDefinition, smallGan } from '../testing/small-gan.js';
import { buildNetwork } from './network.js';

type Builders = Partial<Pick<GanDefinition, 'generator' | 'discriminator'>>;

function errorOf(builders: Builders): GantryError {
  try {
    buildGan({ ...smallDefinition('relu'), ...builders }, SMALL_CONFIG);
  } catch (error) {
    expect(error).toBeInstanceOf(GantryError);
    return error as GantryError;
  }
  throw new Error('the definition was accepted');
}

const dense = (units: number, more: object = {}) => layers.dense({ units, ...more });
const stack = (...list: Parameters<typeof sequential>[0] extends infer _ ? layers.Layer[] : never): LayersModel =>
  sequential({ layers: list });
const flatten = () => layers.flatten({ inputShape: [2, 2, 1] });

describe('a built network', () => {
  it('is the same in names and bits whatever was built before', () => {
    const first = smallGan();
    stack(dense(3, { inputShape: [2] }), dense(4));
    const second = smallGan();
    expect(second.layouts).toEqual(first.layouts);
    expect(Buffer.from(second.initialState().buffer).equals(Buffer.from(first.initialState().buffer))).toBe(true);
  });

  it('depends on the seed, and the networks on different numbers', () => {
    const state = smallGan().initialState();
    expect(smallGan('relu', { seed: 8 }).initialState()).not.toEqual(state);
    const builder = () => stack(dense(3, { inputShape: [3] }), layers.reshape({ targetShape: [1, 1, 3] }));
    const definition = { ...smallDefinition('relu'), imageShape: [1, 1, 3] as const, generator: builder };
    const a = buildNetwork(definition, 'generator', 1).initial.slice(0, 9);
    expect(buildNetwork(definition, 'generator', 2).initial.slice(0, 9)).not.toEqual(a);
  });

  it("honours the user's initializers", () => {
    const generator = () =>
      stack(
        dense(4, { inputShape: [3], kernelInitializer: 'ones', biasInitializer: 'ones', name: 'my-layer' }),
        layers.reshape({ targetShape: [2, 2, 1] }),
      );
    const network = buildNetwork({ ...smallDefinition('relu'), generator }, 'generator', 1);
    expect(network.layout.entries.map(({ name }) => name)).toEqual(['my-layer/kernel', 'my-layer/bias']);
    for (const { offset, length } of network.layout.entries) {
      expect(network.initial.slice(offset, offset + length).every((value) => value === 1)).toBe(true);
    }
  });

  it('leaves Math.random and the backend as they were', () => {
    const { random } = Math;
    smallGan();
    expect(Math.random).toBe(random);
    expect(getBackend()).toBe('cpu');
  });

  it('names layers by kind and place, also in functional and nested models', () => {
    const discriminator = () => {
      const image = input({ shape: [2, 2, 1] });
      const inner = stack(dense(3, { inputShape: [4] }), dense(2));
      const features = inner.apply(layers.flatten().apply(image)) as ReturnType<typeof input>;
      const normal = layers.layerNormalization().apply(features) as ReturnType<typeof input>;
      return model({ inputs: image, outputs: dense(1).apply(normal) as ReturnType<typeof input> });
    };
    const network = buildNetwork({ ...smallDefinition('relu'), discriminator }, 'discriminator', 1);
    expect(network.layout.entries.map(({ name }) => name)).toEqual([
      'dense_1/kernel',
      'dense_1/bias',
      'dense_2/kernel',
      'dense_2/bias',
      'layer_normalization_1/gamma',
      'layer_normalization_1/beta',
      'dense_3/kernel',
      'dense_3/bias',
    ]);
  });

  it('starts with moments of zero and the EMA at the weights', () => {
    const gan = smallGan();
    const state = gan.initialState();
    const section = (role: string) => {
      const { offset, length } = gan.state.sections.find((s) => s.network === 'generator' && s.role === role)!;
      return state.slice(offset, offset + length);
    };
    expect(section('ema')).toEqual(section('params'));
    expect(section('secondMoment').every((value) => value === 0)).toBe(true);
    expect(gan.state.sections.map(({ network, role }) => `${network[0]} ${role}`)).toEqual([
      'd params',
      'd firstMoment',
      'd secondMoment',
      'g params',
      'g firstMoment',
      'g secondMoment',
      'g ema',
    ]);
    expect(smallGan('relu', { emaDecay: 0 }).state.sections).toHaveLength(6);
  });
});

describe('a model that cannot be trained is refused', () => {
  const generatorOf = (...list: layers.Layer[]) => ({ generator: () => stack(...list) });
  const discriminatorOf = (...list: layers.Layer[]) => ({ discriminator: () => stack(flatten(), ...list) });
  const image = () => layers.reshape({ targetShape: [2, 2, 1] });
  const cases: [string, () => Builders, RegExp][] = [
    [
      'a wrong latent',
      () => generatorOf(dense(4, { inputShape: [9] }), image()),
      /generator takes \[batch, 9\] \(generator layer 1 \(Dense, units 4\)\); expected \[batch, 3\]/,
    ],
    [
      'a wrong image',
      () => generatorOf(dense(4, { inputShape: [3] })),
      /generator gives \[batch, 4\] \(generator layer 1 .*\[batch, 2, 2, 1\]/,
    ],
    ['two logits', () => discriminatorOf(dense(2)), /discriminator gives \[batch, 2\].*one logit an image/],
    [
      'a sigmoid',
      () => discriminatorOf(dense(1, { activation: 'sigmoid' })),
      /^discriminator layer 2 \(Dense, units 1\) ends the network in a sigmoid/,
    ],
    [
      'a tanh',
      () => generatorOf(dense(4, { inputShape: [3], activation: 'tanh' }), image()),
      /^generator layer 1 \(Dense, units 4\) ends the network in tanh/,
    ],
    [
      'dropout',
      () => discriminatorOf(layers.dropout({ rate: 0.5 }), dense(1)),
      /^discriminator layer 2 \(Dropout, rate 0\.5\) draws random numbers/,
    ],
    [
      'batch norm',
      () => discriminatorOf(layers.batchNormalization(), dense(1)),
      /layer 2 \(BatchNormalization\) .*moving_mean/,
    ],
    [
      'a frozen layer',
      () => discriminatorOf(dense(3, { trainable: false }), dense(1)),
      /layer 2 \(Dense, units 3\) .*kernel.*not update/,
    ],
    [
      'a regularizer',
      () => discriminatorOf(dense(1, { kernelRegularizer: 'l1l2' })),
      /has a regularizer.*sees logits only.*--r1-gamma/,
    ],
    ['a constraint', () => discriminatorOf(dense(1, { kernelConstraint: 'nonNeg' })), /constraint on kernel/],
    [
      'a layer that has a name',
      () => discriminatorOf(dense(3, { name: 'mine', trainable: false }), dense(1)),
      /^discriminator layer 2 "mine" \(Dense, units 3\) has the weight kernel/,
    ],
    [
      'a model that was built before it was asked for',
      () => {
        const model = smallDefinition('relu').discriminator();
        return { discriminator: () => model };
      },
      /discriminator\(\) returns a model, or layers, that were built before .*build them inside of discriminator\(\)/,
    ],
    ['no model', () => ({ generator: () => 5 as unknown as LayersModel }), /generator\(\) must return .* a number/],
    ['no weights', () => discriminatorOf(layers.reshape({ targetShape: [4] })), /one logit/],
    [
      'a builder that throws',
      () => ({ generator: () => stack(dense(-1, { inputShape: [3] })) }),
      /generator\(\) of small failed/,
    ],
  ];
  for (const [what, builders, message] of cases) {
    it(what, () => {
      const error = errorOf(builders());
      expect(error.code).toBe('GANTRY_MODEL_INVALID');
      expect(error.message).toMatch(message);
    });
  }

  it('an unknown loss, by who asks for it', () => {
    const build = (loss: string, own?: string) => () =>
      buildGan({ ...smallDefinition('relu'), ...(own && { loss: own }) }, { ...SMALL_CONFIG, loss });
    expect(build('hinge')).toThrow(expect.objectContaining({ code: 'GANTRY_CONFIG_INVALID' }));
    expect(build('minimax', 'hinge')).toThrow(expect.objectContaining({ code: 'GANTRY_MODEL_INVALID' }));
  });
});
