import { normalizeAxes, sizeOf } from '../graph/shapes.js';
import type { Rule } from './rewriter.js';

/** The row of ones that `ColumnSum` multiplies with is part of the model: longer sums stay reductions. */
const COLUMN_SUM_ROWS_MAX = 4096;

const columnSum: Rule = {
  name: 'a sum over leading axes is a row of ones times the matrix',
  ops: ['Sum'],
  apply: ({ inputs, attributes, outputs, origin }, rewriter) => {
    const { shape, dtype } = rewriter.info(inputs[0]!);
    const axes = normalizeAxes(attributes.axis, shape.length);
    const isLeading = axes.length > 0 && axes.length < shape.length && axes.every((axis, index) => axis === index);
    const rows = sizeOf(shape.slice(0, axes.length));
    if (!isLeading || dtype !== 'float32' || rows > COLUMN_SUM_ROWS_MAX) return undefined;
    const columns = sizeOf(shape.slice(axes.length));
    const matrix = rewriter.reshape(inputs[0]!, [rows, columns], origin);
    const sum = rewriter.node('ColumnSum', [matrix], {}, { shape: [columns], dtype }, origin);
    return rewriter.reshape(sum, outputs[0]!.shape, origin);
  },
};

const stepOfRelu: Rule = {
  name: 'the sign of a relu can be read from its result',
  ops: ['Step'],
  apply: ({ inputs, attributes, outputs, origin }, rewriter) => {
    if (attributes.nonNegative === true || Number(attributes.alpha ?? 0) !== 0) return undefined;
    const isRelu = rewriter.producer(inputs[0]!, 'Relu') !== undefined;
    const relu = isRelu ? inputs[0] : rewriter.find('Relu', inputs, {}, rewriter.info(inputs[0]!));
    if (relu === undefined) return undefined;
    return rewriter.node('Step', [relu], { alpha: 0, nonNegative: true }, outputs[0]!, origin);
  },
};

/** The weights of a layer of one unit: read by rows, their gradient comes from memory in the order in which it lies there. */
const rowProduct: Rule = {
  name: 'aᵀ times a column is a row times a',
  ops: ['Gemm'],
  apply: ({ inputs, attributes, outputs, origin }, rewriter) => {
    const { shape, dtype } = outputs[0]!;
    if (attributes.transposeA !== true || shape[1] !== 1 || shape[0] === 1) return undefined;
    const depth = rewriter.info(inputs[0]!).shape[0]!;
    const row = rewriter.reshape(inputs[1]!, [1, depth], origin);
    // A summand is a column too, or one number for all.
    const addends = inputs.slice(2).map((id) => {
      return rewriter.reshape(id, sizeOf(rewriter.info(id).shape) === 1 ? [1] : [1, shape[0]!], origin);
    });
    const flags = { transposeA: false, transposeB: false, alpha: attributes.alpha ?? 1 };
    const product = rewriter.node(
      'Gemm',
      [row, inputs[0]!, ...addends],
      flags,
      { shape: [1, shape[0]!], dtype },
      origin,
    );
    return rewriter.reshape(product, shape, origin);
  },
};

/** The fastest form that ONNX Runtime's cpu kernels have for what backward passes are made of. */
export const KERNEL_RULES: readonly Rule[] = [columnSum, stepOfRelu, rowProduct];
