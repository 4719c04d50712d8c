import {
  backend_util,
  cast,
  cumsum,
  div,
  equal,
  max,
  min,
  mul,
  ones,
  reshape,
  softmax,
  sub,
  sum,
  type Tensor,
  util,
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
