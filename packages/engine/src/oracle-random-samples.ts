import * as tf from '@tensorflow/tfjs-core';
import { BINARY_SAMPLES, type KernelSample, type SampleInput, UNARY_SAMPLES } from './oracle-samples.js';

const RANK_MAX = 4;
/** One comes often: it is what broadcasts. */
const SIZES = [1, 1, 2, 3, 5];
const ACTIVATIONS = ['linear', 'relu', 'sigmoid', 'elu', 'relu6'] as const;

/** Draws shapes, axes and the like. Only tests use this. */
class Draw {
  readonly #uniform: () => number;

  constructor(uniform: () => number) {
    this.#uniform = uniform;
  }

  /** A whole number in [low, high]. */
  between(low: number, high: number): number {
    return low + Math.floor(this.#uniform() * (high - low + 1));
  }

  flag(): boolean {
    return this.#uniform() < 0.5;
  }

  of<T>(list: readonly T[]): T {
    return list[this.between(0, list.length - 1)]!;
  }

  shape(rankMin = 0, rankMax = RANK_MAX): number[] {
    return Array.from({ length: this.between(rankMin, rankMax) }, () => this.of(SIZES));
  }

  /** A shape that broadcasts to `shape`: leading axes left out, others one. */
  broadcastable(shape: readonly number[]): number[] {
    return shape.slice(this.between(0, shape.length)).map((size) => (this.#uniform() < 0.3 ? 1 : size));
  }

  /** Two shapes that broadcast against each other, either way. */
  pair(): [number[], number[]] {
    const whole = this.shape();
    const [a, b] = [this.broadcastable(whole), this.flag() ? whole : this.broadcastable(whole)];
    return this.flag() ? [a, b] : [b, a];
  }

  axis({ length }: readonly number[]): number {
    return this.between(0, length - 1);
  }

  axes({ length }: readonly number[]): number[] {
    return Array.from({ length }, (_, axis) => axis).filter(() => this.flag());
  }

  permutation({ length }: readonly number[]): number[] {
    const order = Array.from({ length }, (_, axis) => axis);
    for (let i = length - 1; i > 0; i--) {
      const j = this.between(0, i);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}

type Run = (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[];

function sample(kernel: string, shapes: readonly (readonly number[] | SampleInput)[], run: Run): KernelSample {
  const inputs = shapes.map((input) => ('shape' in input ? input : { shape: input }));
  return { kernel, inputs, run };
}

const integers = (shape: readonly number[], low: number, high: number): SampleInput => ({
  shape,
  dtype: 'int32',
  range: [low, high],
});

/** The same kernels with the same ranges on shapes of any rank. */
function elementwise(draw: Draw): KernelSample[] {
  return [...UNARY_SAMPLES, ...BINARY_SAMPLES].flatMap((known) => {
    // The fill beside it has a shape of its own.
    const shapes = known.inputs.length === 2 ? draw.pair() : known.inputs.map(() => [] as number[]);
    const shape = draw.shape();
    const inputs = known.inputs.map((input, i) => ({
      ...input,
      shape: known.inputs.length === 2 ? shapes[i]! : shape,
    }));
    return [{ ...known, inputs }];
  });
}

function reductions(draw: Draw): KernelSample[] {
  const over = (kernel: string, run: (x: tf.Tensor, axes: number[], keep: boolean) => tf.Tensor) => {
    const shape = draw.shape(1);
    const [axes, keep] = [draw.axes(shape), draw.flag()];
    return sample(kernel, [shape], (x) => run(x!, axes.length === 0 ? [shape.length - 1] : axes, keep));
  };
  const along = (kernel: string, run: (x: tf.Tensor, axis: number, flag: boolean) => tf.Tensor) => {
    const shape = draw.shape(1);
    const [axis, flag] = [draw.axis(shape), draw.flag()];
    return sample(kernel, [shape], (x) => run(x!, axis, flag));
  };
  return [
    over('Sum', tf.sum),
    over('Mean', tf.mean),
    over('Max', tf.max),
    over('Min', tf.min),
    over('Prod', tf.prod),
    over('All', (x, axes, keep) => tf.all(tf.greater(x, -1), axes, keep)),
    over('Any', (x, axes, keep) => tf.any(tf.greater(x, 1), axes, keep)),
    along('ArgMax', (x, axis) => tf.argMax(x, axis)),
    along('ArgMin', (x, axis) => tf.argMin(x, axis)),
    along('Cumsum', (x, axis, flag) => tf.cumsum(x, axis, flag, !flag)),
    sample('Softmax', [draw.shape(1)], (x) => tf.softmax(x!)),
  ];
}

function products(draw: Draw): KernelSample[] {
  const [m, k, n] = [draw.of(SIZES), draw.of(SIZES), draw.of(SIZES)];
  const [transposeA, transposeB] = [draw.flag(), draw.flag()];
  const left = transposeA ? [k, m] : [m, k];
  const right = transposeB ? [n, k] : [k, n];
  const [batchA, batchB] = draw.of([
    [[], []],
    [[2], [2]],
    [[3], [1]],
    [[1], [2]],
    [
      [2, 1],
      [2, 1],
    ],
  ] as const);
  const activation = draw.of(ACTIVATIONS);
  const fused: Run = (a, b, bias) => tf.fused.matMul({ a: a!, b: b!, transposeA, transposeB, bias: bias!, activation });
  return [
    sample(
      'BatchMatMul',
      [
        [...batchA, ...left],
        [...batchB, ...right],
      ],
      (a, b) => tf.matMul(a!, b!, transposeA, transposeB),
    ),
    sample('_FusedMatMul', [left, right, [n]], fused),
  ];
}

function views(draw: Draw): KernelSample[] {
  const shape = draw.shape(1);
  const [order, reps, axes] = [draw.permutation(shape), shape.map(() => draw.between(1, 3)), draw.axes(shape)];
  const [place, target] = [draw.between(0, shape.length), draw.permutation(shape).map((axis) => shape[axis]!)];
  return [
    sample('Reshape', [shape], (x) => tf.reshape(x!, target)),
    sample('ExpandDims', [shape], (x) => tf.expandDims(x!, place)),
    sample('Transpose', [shape], (x) => tf.transpose(x!, order)),
    sample('Tile', [shape], (x) => tf.tile(x!, reps)),
    sample('Reverse', [shape], (x) => tf.reverse(x!, axes.length === 0 ? [0] : axes)),
    sample('Identity', [shape], (x) => tf.clone(x!)),
    sample('Cast', [shape], (x) => tf.cast(x!, 'int32')),
    sample('Fill', [shape], (x) => tf.mul(x!, tf.fill(shape, 1.5))),
  ];
}

function slices(draw: Draw): KernelSample[] {
  const shape = draw.shape(1);
  const axis = draw.axis(shape);
  const begin = shape.map((size) => draw.between(0, size - 1));
  const size = shape.map((length, i) => draw.between(1, length - begin[i]!));
  const other = shape.map((length, i) => (i === axis ? draw.of(SIZES) : length));
  const pads = shape.map((): [number, number] => [draw.between(0, 2), draw.between(0, 2)]);
  // A mirror has no more to show than there is.
  const mirrors = shape.map((length): [number, number] => [draw.between(0, length - 1), draw.between(0, length - 1)]);
  const mode = draw.of(['reflect', 'symmetric'] as const);
  const parts = shape.map((length, i) => (i === axis ? length + 2 : length));
  return [
    sample('Slice', [shape], (x) => tf.slice(x!, begin, size)),
    sample('Concat', [shape, other], (a, b) => tf.concat([a!, b!], axis)),
    sample('Pack', [shape, shape], (a, b) => tf.stack([a!, b!], axis)),
    sample('Unpack', [shape], (x) => tf.unstack(x!, axis)),
    sample('SplitV', [parts], (x) => tf.split(x!, [2, parts[axis]! - 2], axis)),
    sample('PadV2', [shape], (x) => tf.pad(x!, pads, 0.5)),
    sample('MirrorPad', [shape], (x) => tf.mirrorPad(x!, mirrors, mode)),
  ];
}

function selections(draw: Draw): KernelSample[] {
  const shape = draw.shape(1);
  const axis = draw.axis(shape);
  const places = draw.shape(1, 2);
  const condition = draw.broadcastable(shape);
  const [rows, segments] = [draw.of(SIZES), draw.of(SIZES)];
  return [
    sample('Select', [condition, shape, draw.broadcastable(shape)], (c, a, b) => tf.where(tf.greater(c!, 0), a!, b!)),
    sample('GatherV2', [shape, integers(places, 0, shape[axis]!)], (x, ids) => tf.gather(x!, ids!, axis)),
    sample('OneHot', [integers(places, -1, 5)], (ids) => tf.oneHot(ids!, 4, 2, -1, 'float32')),
    sample('UnsortedSegmentSum', [[rows, 3], integers([rows], 0, segments)], (x, ids) =>
      tf.unsortedSegmentSum(x!, ids! as tf.Tensor1D, segments),
    ),
  ];
}

/** One use of every kernel, on shapes, axes and ranks (also of sizes one, and of none) that `uniform` draws. */
export function randomSamples(uniform: () => number): KernelSample[] {
  const draw = new Draw(uniform);
  return [elementwise, reductions, products, views, slices, selections].flatMap((family) => family(draw));
}
