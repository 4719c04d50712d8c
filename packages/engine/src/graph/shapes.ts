import { assert } from '@gantry/common';

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const length of shape) size *= length;
  return size;
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, index) => size === b[index]);
}

/** The shape that two shapes broadcast to (numpy's rule, which tfjs and ONNX share); undefined if they do not. */
export function broadcastShapes(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) return undefined;
    shape.push(left === 1 ? right : left);
  }
  return shape;
}

/** An attribute that tfjs gives as one axis, several or none (all of them), as sorted axes ≥ 0. */
export function normalizeAxes(axis: unknown, rank: number): number[] {
  if (axis === undefined || axis === null) return Array.from({ length: rank }, (_, index) => index);
  const axes = Array.isArray(axis) ? (axis as number[]) : [axis as number];
  const normalized = axes.map((item) => (item < 0 ? item + rank : item));
  for (const item of normalized) assert(item >= 0 && item < Math.max(rank, 1), `axis ${item} of a rank ${rank} tensor`);
  return [...new Set(normalized)].sort((a, b) => a - b);
}

/** Shape after a reduction over `axes`. */
export function reducedShape(shape: readonly number[], axes: readonly number[], keepDims: boolean): number[] {
  if (keepDims) return shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  return shape.filter((_, axis) => !axes.includes(axis));
}
