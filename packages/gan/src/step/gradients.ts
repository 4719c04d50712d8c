import type { NamedTensors, Program, TensorSpec } from '@gantry/engine';
import { dispose, keep, type NamedTensorMap, type Tensor, type Variable, variableGrads } from '@tensorflow/tfjs-core';
import type { UpdateKind } from '../contract.js';
import type { Network } from '../networks/network.js';
import { type DiscriminatorObjective, type DiscriminatorPass, discriminatorPass } from './discriminator-loss.js';
import { checkLossValue } from './loss-value.js';
import { accuracyOnFake, accuracyOnReal, metricOutputs } from './metrics.js';
import { gradientOutputs, weightInputs, withWeights } from './weights.js';

/*
 * Shapes: b samples a shard; z [b, latent]; real, fake [b, h, w, c]; logits [b, 1].
 * A tape tidies what its function made; values that a program shows beside the loss are kept from it, turned into outputs
 * and disposed of.
 */

export interface GradientsProgramOptions extends DiscriminatorObjective {
  readonly discriminator: Network;
  readonly generator: Network;
  readonly samples: number;
  readonly latent: number;
  readonly imageShape: readonly [number, number, number];
}

/** The gradients of one shard for one kind of update; edges as described at `Gan`. */
export function createGradientsProgram(kind: UpdateKind, options: GradientsProgramOptions): Program {
  const { discriminator, generator } = options;
  const run = { discriminator: runDiscriminator, generator: runGenerator, both: runBoth }[kind];
  const penalized = options.penalized && kind !== 'generator';
  return {
    name: `gradients-${kind}${penalized ? '-penalized' : ''}`,
    inputs: [...weightInputs(discriminator), ...weightInputs(generator), ...sampleInputs(kind, options)],
    run: (inputs) => withWeights([discriminator, generator], inputs, () => run(inputs, options)),
  };
}

function sampleInputs(kind: UpdateKind, options: GradientsProgramOptions): TensorSpec[] {
  const z: TensorSpec = { name: 'z', shape: [options.samples, options.latent], dtype: 'float32' };
  const real: TensorSpec = { name: 'real', shape: [options.samples, ...options.imageShape], dtype: 'float32' };
  return kind === 'generator' ? [z] : [real, z];
}

/** D's gradients: G runs outside of the tape, so nothing flows into it. */
function runDiscriminator(inputs: NamedTensors, options: GradientsProgramOptions): NamedTensors {
  const { discriminator, generator } = options;
  const fake = generator.apply(inputs.z!, { training: true }); // [b, h, w, c]
  let pass: DiscriminatorPass | undefined;
  const { grads, value } = gradientsOf(discriminator.variables, () => {
    pass = discriminatorPass(discriminator, { real: inputs.real!, fake }, { ...options, joint: true });
    return pass.objective;
  });
  return { ...gradientOutputs(discriminator, grads), ...discriminatorMetrics(pass!, value) };
}

/** G's gradients, through D as it is. */
function runGenerator(inputs: NamedTensors, options: GradientsProgramOptions): NamedTensors {
  const { discriminator, generator } = options;
  const { grads, value } = gradientsOf(generator.variables, () => {
    const fake = generator.apply(inputs.z!, { training: true }); // [b, h, w, c]
    return generatorLoss(discriminator.apply(fake, { training: true }), options);
  });
  return { ...gradientOutputs(generator, grads), ...metricOutputs({ generatorLoss: value }) };
}

/**
 * Both gradients from one forward pass of G and one of D: D's tape lies inside G's, so D's logits on the fakes are nodes of
 * both. G's gradient follows them back through D into G; D's stops at D's own weights. Nothing is computed twice. D sees the
 * halves apart, because G's gradient goes through the fakes alone.
 */
function runBoth(inputs: NamedTensors, options: GradientsProgramOptions): NamedTensors {
  const { discriminator, generator } = options;
  let pass: DiscriminatorPass | undefined;
  let inner: { value: Tensor; grads: NamedTensorMap } | undefined;
  const outer = gradientsOf(generator.variables, () => {
    const fake = generator.apply(inputs.z!, { training: true }); // [b, h, w, c]
    inner = gradientsOf(discriminator.variables, () => {
      pass = discriminatorPass(discriminator, { real: inputs.real!, fake }, { ...options, joint: false });
      return pass.objective;
    });
    for (const gradient of Object.values(inner.grads)) keep(gradient);
    return generatorLoss(pass!.fakeLogits, options);
  });
  const metrics = discriminatorMetrics(pass!, inner!.value, outer.value);
  return { ...gradientOutputs(discriminator, inner!.grads), ...gradientOutputs(generator, outer.grads), ...metrics };
}

function gradientsOf(variables: readonly Variable[], fn: () => Tensor): { value: Tensor; grads: NamedTensorMap } {
  return variableGrads(fn as Parameters<typeof variableGrads>[0], [...variables]);
}

function generatorLoss(fakeLogits: Tensor, { loss }: GradientsProgramOptions): Tensor {
  const value = loss.generator(fakeLogits);
  checkLossValue(value, loss.name, 'generator');
  return value;
}

/** Turns a pass into metrics, and disposes of what is not one. */
function discriminatorMetrics(pass: DiscriminatorPass, objective: Tensor, generatorLossValue?: Tensor): NamedTensors {
  const outputs = metricOutputs({
    discriminatorLoss: pass.loss,
    ...(generatorLossValue && { generatorLoss: generatorLossValue }),
    accuracyReal: accuracyOnReal(pass.realLogits),
    accuracyFake: accuracyOnFake(pass.fakeLogits),
    ...(pass.penalty && { penalty: pass.penalty }),
  });
  dispose([pass.realLogits, pass.fakeLogits]);
  if (objective !== pass.loss) dispose(objective);
  return outputs;
}
