import type { NamedTensors, Program, TensorSpec } from '@gantry/engine';
import { dispose, variableGrads } from '@gantry/engine/tfjs';
import type { NamedTensorMap, Tensor, Variable } from '@tensorflow/tfjs-core';
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
function runDiscriminator(inputs: NamedTensors, options: GradientsProgramOptions & { joint?: boolean }): NamedTensors {
  const { discriminator, generator, joint = true } = options;
  const fake = generator.apply(inputs.z!, { training: true }); // [b, h, w, c]
  let pass: DiscriminatorPass | undefined;
  const { grads, value } = gradientsOf(discriminator.variables, () => {
    pass = discriminatorPass(discriminator, { real: inputs.real!, fake }, { ...options, joint });
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
 * Both gradients at the same weights, from one forward pass of G and one of D: the two tapes run the same kernels on the same
 * inputs, which a captured graph computes once (an eager engine runs G and D on the fakes for each). D sees the halves apart,
 * because G's gradient goes through the fakes alone: in a joint pass it would drag the real half along as zeros.
 */
function runBoth(inputs: NamedTensors, options: GradientsProgramOptions): NamedTensors {
  return { ...runDiscriminator(inputs, { ...options, joint: false }), ...runGenerator(inputs, options) };
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
function discriminatorMetrics(pass: DiscriminatorPass, objective: Tensor): NamedTensors {
  const outputs = metricOutputs({
    discriminatorLoss: pass.loss.clone(),
    accuracyReal: accuracyOnReal(pass.realLogits),
    accuracyFake: accuracyOnFake(pass.fakeLogits),
    ...(pass.penalty && { penalty: pass.penalty.clone() }),
  });
  // What was kept from the tape's tidy, no other will free: an output is a clone that the caller's own tidy ends.
  dispose([pass.realLogits, pass.fakeLogits, pass.loss, ...(pass.penalty ? [pass.penalty] : [])]);
  if (objective !== pass.loss) dispose(objective);
  return outputs;
}
