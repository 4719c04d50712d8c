import {
  backend_util,
  cast,
  cumsum,
  div,
  equal,
  eye,
  max,
  min,
  mul,
  ones,
  onesLike,
  prod,
  reshape,
  softmax,
  sub,
  sum,
  type Tensor,
  transpose,
  util,
  where,
} from '@tensorflow/tfjs-core';
import { detached, type Gradient, unary } from './gradient.js';

/** `dy` with the axes that a reduction removed put back as ones. */
function keepDims(dy: Tensor, x: Tensor, axis: number | number[]): Tensor {
  const axes = util.parseAxisParam(axis, x.shape);
  return reshape(dy, backend_util.expandShapeToKeepDim(backend_util.computeOutAndReduceShapes(x.shape, axes)[0], axes));
}

const reducedSize = (x: Tensor, axis: number | number[]) =>
  util.parseAxisParam(axis, x.shape).reduce((size, index) => size * x.shape[index]!, 1);

/** Every element that equals the extreme gets the whole gradient, as in tfjs. */
function extremeGradient(dy: Tensor, x: Tensor, axis: number | number[], reduce: typeof max): Tensor {
  const isExtreme = detached(() => cast(equal(x, reduce(x, axis, true)), 'float32'));
  return mul(keepDims(dy, x, axis), isExtreme);
}

/** One element's share is the product of all others: dx = dy · Π over j ≠ i of xⱼ, right also where elements are zero. */
function productGradient(dy: Tensor, x: Tensor, axis: number | number[]): Tensor {
  const axes = util.parseAxisParam(axis, x.shape);
  const order = [...x.shape.keys()].filter((one) => !axes.includes(one)).concat(axes);
  const size = reducedSize(x, axis);
  const rows = reshape(transpose(x, order), [-1, 1, size]); // [outer, 1, n]
  const self = detached(() => cast(eye(size), 'bool')); // [n, n]
  const others = prod(where(self, onesLike(rows), rows), 2); // [outer, n]
  const shares = mul(reshape(dy, [-1, 1]), others);
  const permuted = order.map((one) => x.shape[one]!);
  return transpose(
    reshape(shares, permuted),
    order.map((_, one) => order.indexOf(one)),
  );
}

/** dx = y · (dy − Σ dy·y) */
function softmaxGradient(dy: Tensor, logits: Tensor, axis: number): Tensor {
  const y = softmax(logits, axis);
  const dyTimesY = mul(dy, y);
  return sub(dyTimesY, mul(sum(dyTimesY, axis, true), y));
}

const axisOf = (attributes: object, name = 'axis') => (attributes as Record<string, number | number[]>)[name]!;

export const REDUCTION_GRADIENTS: readonly Gradient[] = [
  unary('Sum', (dy, x, a) => mul(keepDims(dy, x, axisOf(a)), ones(x.shape))),
  // The division happens on the small tensor.
  unary('Mean', (dy, x, a) => mul(div(keepDims(dy, x, axisOf(a)), reducedSize(x, axisOf(a))), ones(x.shape))),
  // tfjs's own calls chained methods, which only its union package has.
  unary('Prod', (dy, x, a) => productGradient(dy, x, axisOf(a))),
  unary('Max', (dy, x, a) => extremeGradient(dy, x, axisOf(a, 'reductionIndices'), max)),
  unary('Min', (dy, x, a) => extremeGradient(dy, x, axisOf(a), min)),
  // tfjs transposes this one wrongly unless the axis is the last.
  unary('Cumsum', (dy, _x, a) => cumsum(dy, axisOf(a) as number, a.exclusive as boolean, !(a.reverse as boolean))),
  {
    kernel: 'Softmax',
    save: ['logits'],
    backward: (dy, [logits], a) => ({ logits: () => softmaxGradient(dy, logits!, axisOf(a, 'dim') as number) }),
  },
];
