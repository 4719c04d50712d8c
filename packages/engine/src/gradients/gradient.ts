import {
  broadcast_util,
  engine,
  type GradConfig,
  type NamedAttrMap,
  reshape,
  sum,
  type Tensor,
  tidy,
  zeros,
} from '@tensorflow/tfjs-core';

/** Each input's gradient, computed only if it is asked for. */
export type InputGradients = Readonly<Record<string, () => Tensor>>;

/**
 * A kernel's gradient in Gantry's table. It may save inputs only. tfjs puts the copy of a saved *output* on its tape
 * before the kernel that makes it, so the copy does not depend on the inputs any more, and every gradient of that
 * gradient is silently wrong; what a gradient needs of the output it computes again from the inputs.
 */
export interface Gradient {
  readonly kernel: string;
  /** Names of the inputs that `backward` gets as `saved`. @default none */
  readonly save?: readonly string[];
  /** @param dy the output's gradient, of its shape */
  backward(dy: Tensor, saved: readonly Tensor[], attributes: NamedAttrMap): InputGradients;
}

export function toGradConfig({ kernel, save, backward }: Gradient): GradConfig {
  return {
    kernelName: kernel,
    inputsToSave: [...(save ?? [])],
    gradFunc: (dy, saved, attributes) => backward(dy as Tensor, saved as Tensor[], attributes),
  };
}

/** A kernel of one input `x`: dx = backward(dy, x). */
export function unary(kernel: string, backward: (dy: Tensor, x: Tensor, attributes: NamedAttrMap) => Tensor): Gradient {
  return { kernel, save: ['x'], backward: (dy, [x], attributes) => ({ x: () => backward(dy, x!, attributes) }) };
}

/** A kernel of two inputs that broadcast against each other; each side is summed back to its own shape. */
export function binary(
  kernel: string,
  names: readonly [string, string],
  backward: (dy: Tensor, a: Tensor, b: Tensor) => readonly [() => Tensor, () => Tensor],
): Gradient {
  return {
    kernel,
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
