import type { GradConfig, NamedAttrMap, Tensor } from '@tensorflow/tfjs-core';
import { broadcast_util, engine, reshape, sum, tidy, zeros } from '../tfjs.js';

/** Each input's gradient, computed only if it is asked for. */
export type InputGradients = Readonly<Record<string, () => Tensor>>;

/**
 * The gradient of a kernel, where tfjs has none or a wrong one. It may save inputs only. tfjs puts the copy of a saved *output* on its tape
 * before the kernel that makes it, so the copy does not depend on the inputs any more, and every gradient of that
 * gradient is silently wrong; what a gradient needs of the output it computes again from the inputs.
 */
export interface GradientRule {
  /** Names of the inputs that `backward` gets as `saved`. @default none */
  readonly save?: readonly string[];
  /** @param dy the output's gradient, of its shape */
  backward(dy: Tensor, saved: readonly Tensor[], attributes: NamedAttrMap): InputGradients;
}

export function toGradConfig(kernelName: string, { save, backward }: GradientRule): GradConfig {
  return {
    kernelName,
    inputsToSave: [...(save ?? [])],
    gradFunc: (dy, saved, attributes) => backward(dy as Tensor, saved as Tensor[], attributes),
  };
}

/** A kernel of one input `x`: dx = backward(dy, x). */
export function unaryGradient(backward: (dy: Tensor, x: Tensor, attributes: NamedAttrMap) => Tensor): GradientRule {
  return { save: ['x'], backward: (dy, [x], attributes) => ({ x: () => backward(dy, x!, attributes) }) };
}

/** A kernel of two inputs that broadcast against each other; each side is summed back to its own shape. */
export function binaryGradient(
  backward: (dy: Tensor, a: Tensor, b: Tensor) => readonly [() => Tensor, () => Tensor],
  names: readonly [string, string] = ['a', 'b'],
): GradientRule {
  return {
    save: names,
    backward(dy, [a, b]) {
      const [derA, derB] = backward(dy, a!, b!);
      return { [names[0]]: () => sumTo(derA(), a!.shape), [names[1]]: () => sumTo(derB(), b!.shape) };
    },
  };
}

/** Undoes broadcasting: sums `dy` over the axes along which a tensor of `shape` was repeated. */
export function sumTo(dy: Tensor, shape: number[]): Tensor {
  const axes = broadcast_util.getReductionAxes(shape, dy.shape);
  const summed = axes.length > 0 ? sum(dy, axes) : dy;
  return reshape(summed, shape);
}

/**
 * Computes something whose derivative is zero wherever it has one (a mask), and keeps it off the tape: a gradient of
 * the gradient then has no path through it at all, instead of a long one of zeros.
 */
export function detached(fn: () => Tensor): Tensor {
  const { state } = engine();
  state.kernelDepth++;
  try {
    return tidy(fn);
  } finally {
    state.kernelDepth--;
  }
}

/** tfjs wants float32 gradients, also for inputs of other types. */
export function zeroGradient(input: Tensor): Tensor {
  return zeros(input.shape, 'float32');
}

/** Of a step function of one tensor: the derivative is zero wherever there is one. tfjs has none for most of them. */
export const ZERO_UNARY: GradientRule = unaryGradient((_, x) => zeroGradient(x));

/** The same of a step function of two tensors. */
export const ZERO_BINARY: GradientRule = {
  save: ['a', 'b'],
  backward: (_, [a, b]) => ({ a: () => zeroGradient(a!), b: () => zeroGradient(b!) }),
};
