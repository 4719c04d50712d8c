import type { AdamConfig, NetworkName } from '@gantry/common';
import type { NamedTensors, Program, TensorSpec } from '@gantry/engine';
import { add, div, mul, scalar, sqrt, square, sub, sum } from '@gantry/engine/tfjs';
import type { Tensor } from '@tensorflow/tfjs-core';
import { treeSum } from './tree-sum.js';

/*
 * Adam (Kingma and Ba 2015, algorithm 1), with the constants moved out of the vectors.
 *
 * Let s = Σ partials = S·g be the sum of S shards' gradients, g the gradient of the global mean. Adam says
 *   m ← β₁ m + (1−β₁) g      v ← β₂ v + (1−β₂) g²
 *   θ ← θ − η · [m / (1−β₁ᵗ)] / (√[v / (1−β₂ᵗ)] + ε)
 * Store M = S·m / (1−β₁) and V = S²·v / (1−β₂) instead. Then
 *   M ← β₁ M + s             V ← β₂ V + s²
 * and with c = √((1−β₂) / (1−β₂ᵗ)):  √[v / (1−β₂ᵗ)] = c √V / S,  m / (1−β₁ᵗ) = M (1−β₁) / (S (1−β₁ᵗ)), so that
 *   θ ← θ − rate · M / (√V + epsilon),   rate = η (1−β₁) / ((1−β₁ᵗ) c),   epsilon = ε S / c.
 * S cancels out of the rate. `rate` and `epsilon` are computed in double for each t and rounded to fp32 once. That leaves ten
 * element-wise kernels, K−1 additions for K partials and one reduction for the norm; the EMA adds three.
 */

/** `rate` and `epsilon` of the t-th update, t from 1, of a run of `shards` shards. */
export function adamScalars(adam: AdamConfig, shards: number, t: number): { rate: number; epsilon: number } {
  const c = Math.sqrt((1 - adam.beta2) / (1 - adam.beta2 ** t));
  return {
    rate: (adam.learningRate * (1 - adam.beta1)) / ((1 - adam.beta1 ** t) * c),
    epsilon: (adam.epsilon * shards) / c,
  };
}

/**
 * How far the average moves towards the weights at the t-th update, t from 1: 1 − d, and more in the beginning, when the average still holds
 * the initial weights: d is at most (1 + t) / (10 + t), as in TensorFlow's `ExponentialMovingAverage(num_updates)`.
 */
export function emaRate(decay: number, t: number): number {
  return 1 - Math.min(decay, (1 + t) / (10 + t));
}

export interface UpdateProgramOptions {
  readonly network: NetworkName;
  /** Floats of the segment. */
  readonly length: number;
  /** Vectors to be summed. */
  readonly partials: number;
  readonly adam: AdamConfig;
  /** Whether an exponential moving average of the weights is kept; otherwise there are no `ema` and `emaRate` edges. */
  readonly hasEma: boolean;
}

/** The fused update of one segment; its edges are described at `Gan.updateProgram`. */
export function createUpdateProgram(options: UpdateProgramOptions): Program {
  const { network, partials, adam, hasEma } = options;
  return {
    name: `update-${network}`,
    inputs: updateInputs(options),
    run(inputs) {
      const total = treeSum(Array.from({ length: partials }, (_, k) => inputs[`partials/${k}`]!)); // [length]
      const squared = square(total);
      const firstMoment = add(mul(inputs.firstMoment!, scalar(adam.beta1)), total);
      const secondMoment = add(mul(inputs.secondMoment!, scalar(adam.beta2)), squared);
      const direction = div(firstMoment, add(sqrt(secondMoment), inputs.epsilon!));
      const params = sub(inputs.params!, mul(direction, inputs.rate!));
      const outputs: NamedTensors = { params, firstMoment, secondMoment };
      if (hasEma) outputs.ema = movingAverage(inputs.ema!, params, inputs.emaRate!);
      outputs.squaredNorm = sum(squared);
      return outputs;
    },
  };
}

/** ema + (1 − d)(θ − ema): one rounding fewer than d·ema + (1 − d)·θ, and exactly at rest when the two are equal. */
function movingAverage(ema: Tensor, params: Tensor, rate: Tensor): Tensor {
  return add(ema, mul(sub(params, ema), rate));
}

function updateInputs({ length, partials, hasEma }: UpdateProgramOptions): TensorSpec[] {
  const vectors = ['params', 'firstMoment', 'secondMoment'];
  if (hasEma) vectors.push('ema');
  for (let k = 0; k < partials; k++) vectors.push(`partials/${k}`);
  return [
    ...vectors.map((name): TensorSpec => ({ name, shape: [length], dtype: 'float32' })),
    ...['rate', 'epsilon', ...(hasEma ? ['emaRate'] : [])].map(
      (name): TensorSpec => ({ name, shape: [], dtype: 'float32' }),
    ),
  ];
}
