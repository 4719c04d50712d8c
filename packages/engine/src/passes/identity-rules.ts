import type { ValueId } from '../graph/graph.js';
import { normalizeAxes, sameShape } from '../graph/shapes.js';
import type { Rewriter, Rule, RuleNode } from './rewriter.js';

/** The operand, if the result has its shape and dtype; what would broadcast or convert must stay. */
function asOutput(id: ValueId, { outputs }: RuleNode, rewriter: Rewriter): ValueId | undefined {
  const { shape, dtype } = rewriter.info(id);
  return sameShape(shape, outputs[0]!.shape) && dtype === outputs[0]!.dtype ? id : undefined;
}

const identity: Rule = {
  name: 'an identity is its input',
  ops: ['Identity', 'Cast'],
  apply: (node, rewriter) => asOutput(node.inputs[0]!, node, rewriter),
};

const sameView: Rule = {
  name: 'a view in the same shape is its input',
  ops: ['Reshape', 'Tile', 'BroadcastTo', 'Slice', 'PadV2', 'MirrorPad'],
  apply: (node, rewriter) => asOutput(node.inputs[0]!, node, rewriter),
};

const single: Rule = {
  name: 'a concatenation or sum of one tensor is that tensor',
  ops: ['Concat', 'AddN'],
  apply: (node, rewriter) => (node.inputs.length === 1 ? asOutput(node.inputs[0]!, node, rewriter) : undefined),
};

const sumOfTwo: Rule = {
  name: 'a sum of two tensors is an addition',
  ops: ['AddN'],
  apply: ({ inputs, outputs, origin }, rewriter) => {
    return inputs.length === 2 ? rewriter.node('Add', inputs, {}, outputs[0]!, origin) : undefined;
  },
};

/** The operand that a neutral element leaves. */
const NEUTRAL: Readonly<Record<string, readonly (readonly [side: 0 | 1, neutral: number])[]>> = {
  Add: [
    [0, 0],
    [1, 0],
  ],
  Sub: [[1, 0]],
  Multiply: [
    [0, 1],
    [1, 1],
  ],
  RealDiv: [[1, 1]],
  Pow: [[1, 1]],
};

const neutral: Rule = {
  name: 'x + 0, x − 0, x · 1, x / 1 and x¹ are x',
  ops: Object.keys(NEUTRAL),
  apply: (node, rewriter) => {
    for (const [side, value] of NEUTRAL[node.op]!) {
      if (rewriter.uniform(node.inputs[side]!) !== value) continue;
      const left = asOutput(node.inputs[1 - side]!, node, rewriter);
      if (left !== undefined) return left;
    }
    return undefined;
  },
};

const emptyReduction: Rule = {
  name: 'a reduction over axes of one element is a view',
  ops: ['Sum', 'Mean', 'Max', 'Min', 'Prod'],
  apply: ({ inputs, attributes, outputs, origin }, rewriter) => {
    const { shape, dtype } = rewriter.info(inputs[0]!);
    const axes = normalizeAxes(attributes.axis, shape.length);
    if (dtype !== outputs[0]!.dtype || axes.some((axis) => shape[axis] !== 1)) return undefined;
    return rewriter.reshape(inputs[0]!, outputs[0]!.shape, origin);
  },
};

/** Kernels that change nothing. */
export const IDENTITY_RULES: readonly Rule[] = [identity, sameView, single, sumOfTwo, neutral, emptyReduction];
