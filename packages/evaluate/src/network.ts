import { createLayout, fillUniform, type Layout, layoutViews, STREAMS } from '@gantry/common';
import type { NamedTensors, Program, TensorSpec } from '@gantry/engine';
import { add, logSumExp, matMul, mean, mul, relu, softmax, sub, sum, valueAndGrads } from '@gantry/engine/tfjs';
import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { HIDDEN_UNITS } from './constants.js';

/*
 * The judge: a perceptron pixels → 256 → 128 → classes with ReLU. b: images a batch, p: pixels, k: classes.
 */

export interface ClassifierShape {
  readonly pixels: number;
  readonly classes: number;
}

const WEIGHTS = ['w1', 'b1', 'w2', 'b2', 'w3', 'b3'] as const;

/** Where the weights lie in one flat vector. */
export function classifierLayout({ pixels, classes }: ClassifierShape): Layout {
  const [first, second] = HIDDEN_UNITS;
  const shapes = [[pixels, first], [first], [first, second], [second], [second, classes], [classes]];
  return createLayout(WEIGHTS.map((name, i) => ({ name, shape: shapes[i]! })));
}

/** Uniform weights within ±√(6 / (inputs + outputs)) (Glorot and Bengio, AISTATS 2010), biases zero. */
export function initialWeights(layout: Layout, seed: number): Float32Array {
  const flat = new Float32Array(layout.length);
  const views = layoutViews(layout, flat);
  layout.entries.forEach(({ name, shape }, i) => {
    if (shape.length !== 2) return;
    const view = views[name]!;
    const bound = Math.sqrt(6 / (shape[0]! + shape[1]!));
    fillUniform(view, 0, view.length, { seed, stream: STREAMS.initialWeights, step: 0, sample: i });
    for (let j = 0; j < view.length; j++) view[j] = (2 * view[j]! - 1) * bound;
  });
  return flat;
}

function weightInputs(layout: Layout): TensorSpec[] {
  return layout.entries.map(({ name, shape }): TensorSpec => ({ name, shape, dtype: 'float32' }));
}

/** images [b, p] → features [b, 128], logits [b, k]. */
function forward(images: Tensor, weights: readonly Tensor[]): { features: Tensor; logits: Tensor } {
  const [w1, b1, w2, b2, w3, b3] = weights as Tensor2D[];
  const hidden = relu(add(matMul(images as Tensor2D, w1!), b1!)); // [b, 256]
  const features = relu(add(matMul(hidden as Tensor2D, w2!), b2!)); // [b, 128]
  return { features, logits: add(matMul(features as Tensor2D, w3!), b3!) };
}

/**
 * Cross-entropy and its gradients for one batch. Inputs: weights, `images` [b, p], `targets` [b, k] one-hot; outputs
 * `gradients/<weight>` and `loss` [].
 */
export function classifierGradientsProgram(shape: ClassifierShape, batch: number): Program {
  const layout = classifierLayout(shape);
  return {
    name: 'classifier-gradients',
    inputs: [
      ...weightInputs(layout),
      { name: 'images', shape: [batch, shape.pixels], dtype: 'float32' },
      { name: 'targets', shape: [batch, shape.classes], dtype: 'float32' },
    ],
    run(inputs) {
      const loss = (...weights: Tensor[]) => crossEntropy(forward(inputs.images!, weights).logits, inputs.targets!);
      const { value, grads } = valueAndGrads(loss)(WEIGHTS.map((name) => inputs[name]!));
      const outputs: NamedTensors = { loss: value };
      WEIGHTS.forEach((name, i) => {
        outputs[`gradients/${name}`] = grads[i]!;
      });
      return outputs;
    },
  };
}

/** Mean over the batch of log Σ exp(logits) − logit of the right class. */
function crossEntropy(logits: Tensor, targets: Tensor): Scalar {
  return mean(sub(logSumExp(logits, 1), sum(mul(logits, targets), 1)));
}

/** Inputs: weights, `images` [b, p]; outputs `probabilities` [b, k], `features` [b, 128]. */
export function classifierForwardProgram(shape: ClassifierShape, batch: number): Program {
  const layout = classifierLayout(shape);
  return {
    name: 'classifier-forward',
    inputs: [...weightInputs(layout), { name: 'images', shape: [batch, shape.pixels], dtype: 'float32' }],
    run(inputs) {
      const weights = WEIGHTS.map((name) => inputs[name]!);
      const { features, logits } = forward(inputs.images!, weights);
      return { probabilities: softmax(logits), features };
    },
  };
}
