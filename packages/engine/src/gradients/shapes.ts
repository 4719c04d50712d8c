import { add, cast, logicalNot, mul, pad, reshape, reverse, slice, sum, type Tensor } from '@tensorflow/tfjs-core';
import { detached, type Gradient, unary, zeroGradient } from './gradient.js';

/** Splits every repeated axis into (repetition, size) and sums the repetitions up. */
function tileGradient(dy: Tensor, x: Tensor, reps: readonly number[]): Tensor {
  const split: number[] = [];
  const repeated: number[] = [];
  x.shape.forEach((size, axis) => {
    if (reps[axis]! > 1) {
      repeated.push(split.length);
      split.push(reps[axis]!);
    }
    split.push(size);
  });
  return repeated.length === 0 ? dy : reshape(sum(reshape(dy, split), repeated), x.shape);
}

/** tfjs drops the mirrored edges' share: here each edge is mirrored back onto the elements that it came from. */
function mirrorPadGradient(dy: Tensor, x: Tensor, paddings: readonly (readonly number[])[], mode: string): Tensor {
  return paddings.reduce<Tensor>((rest, [before, after], axis) => {
    return foldEdges(rest, axis, x.shape[axis]!, before!, after!, mode === 'reflect' ? 1 : 0);
  }, dy);
}

/** `offset`: 1 where the outermost element is not mirrored itself. */
function foldEdges(dy: Tensor, axis: number, size: number, before: number, after: number, offset: number): Tensor {
  const part = (begin: number, length: number) => {
    const begins = dy.shape.map((_, i) => (i === axis ? begin : 0));
    return slice(
      dy,
      begins,
      dy.shape.map((other, i) => (i === axis ? length : other)),
    );
  };
  const edge = (begin: number, length: number, target: number) => {
    const paddings = dy.shape.map((_, i): [number, number] => (i === axis ? [target, size - target - length] : [0, 0]));
    return pad(reverse(part(begin, length), axis), paddings);
  };
  let folded = part(before, size);
  if (before > 0) folded = add(folded, edge(0, before, offset));
  if (after > 0) folded = add(folded, edge(before + size, after, size - offset - after));
  return folded;
}

export const SHAPE_GRADIENTS: readonly Gradient[] = [
  unary('Tile', (dy, x, { reps }) => tileGradient(dy, x, reps as number[])),
  unary('MirrorPad', (dy, x, { paddings, mode }) => mirrorPadGradient(dy, x, paddings as number[][], mode as string)),
  // A cast to integers is a step function; a straight-through gradient, as tfjs has it, would be a silent surprise.
  unary('Cast', (dy, x, { dtype }) => (dtype === 'float32' ? dy.clone() : zeroGradient(x))),
  {
    kernel: 'Select',
    save: ['condition'],
    backward: (dy, [condition]) => ({
      condition: () => zeroGradient(condition!),
      t: () =>
        mul(
          dy,
          detached(() => cast(condition!, 'float32')),
        ),
      e: () =>
        mul(
          dy,
          detached(() => cast(logicalNot(condition!), 'float32')),
        ),
    }),
  },
];
