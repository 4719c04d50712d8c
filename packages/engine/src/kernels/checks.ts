import type { ValueInfo } from '../graph/graph.js';
import { broadcastShapes, normalizeAxes, reducedShape, sameShape, sizeOf } from '../graph/shapes.js';
import type { KernelCheck } from './definition.js';

export function expectShape(actual: ValueInfo, expected: readonly number[] | undefined): string | undefined {
  if (expected === undefined) return 'the shapes of its operands do not fit together';
  return sameShape(actual.shape, expected)
    ? undefined
    : `its result has shape [${actual.shape}], [${expected}] was expected`;
}

export function arity(inputs: readonly ValueInfo[], least: number, most = least): string | undefined {
  if (inputs.length >= least && inputs.length <= most) return undefined;
  return `it has ${inputs.length} operands, ${least === most ? least : `${least} to ${most}`} were expected`;
}

/** One operand, whose shape the result has. */
export const unaryCheck: KernelCheck = (inputs, outputs) =>
  arity(inputs, 1) ?? expectShape(outputs[0]!, inputs[0]!.shape);

/** Two operands, broadcast against each other. */
export const binaryCheck: KernelCheck = (inputs, outputs) =>
  arity(inputs, 2) ?? expectShape(outputs[0]!, broadcastShapes(inputs[0]!.shape, inputs[1]!.shape));

/** One operand, in another shape of its size. */
export const viewCheck: KernelCheck = (inputs, outputs) => {
  const wrong = arity(inputs, 1);
  if (wrong !== undefined) return wrong;
  const [from, to] = [inputs[0]!.shape, outputs[0]!.shape];
  return sizeOf(from) === sizeOf(to) ? undefined : `[${from}] cannot be viewed as [${to}]`;
};

/** One operand, without the axes in `axis`, or with ones in their places. */
export const reductionCheck: KernelCheck = (inputs, outputs, { axis, keepDims }) => {
  const wrong = arity(inputs, 1);
  if (wrong !== undefined) return wrong;
  const axes = normalizeAxes(axis, inputs[0]!.shape.length);
  return expectShape(outputs[0]!, reducedShape(inputs[0]!.shape, axes, keepDims === true));
};
