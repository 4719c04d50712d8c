import { unaryGradient, ZERO_UNARY } from '../gradients/gradient.js';
import { normalizeAxes, reducedShape } from '../graph/shapes.js';
import { cumsum } from '../tfjs.js';
import { axesOf, one, requireNumber } from '../trace/kernel-rule.js';
import type { KernelDefinition } from './definition.js';

/** The place of the extreme along one axis; the kernel and ONNX's operator have one name. */
function argument(name: 'ArgMax' | 'ArgMin'): KernelDefinition {
  return {
    name,
    trace: {
      inputs: ['x'],
      infer(inputs, attributes) {
        requireNumber(inputs);
        const [x] = inputs;
        const axis = axesOf(attributes.axis, x!.shape)[0]!;
        return one(reducedShape(x!.shape, [axis], false), 'int32', { axis });
      },
    },
    lower: ({ inputs, attributes, outputs }, context) => {
      const axis = normalizeAxes(attributes.axis, inputs[0]!.shape.length)[0]!;
      const place = context.emit(name, [inputs[0]!.name], { axis, keepdims: 0 });
      return [context.cast(place, 'int64', outputs[0]!.dtype)];
    },
    gradient: ZERO_UNARY,
  };
}

const cumsumKernel: KernelDefinition = {
  name: 'Cumsum',
  trace: {
    inputs: ['x'],
    infer(inputs, { axis, exclusive, reverse }) {
      requireNumber(inputs);
      const [x] = inputs;
      const attributes = { axis: axesOf(axis, x!.shape)[0]!, exclusive: exclusive === true, reverse: reverse === true };
      return one(x!.shape, x!.dtype, attributes);
    },
  },
  lower: ({ inputs, attributes }, context) => {
    const { name, shape } = inputs[0]!;
    const axis = normalizeAxes(attributes.axis, shape.length)[0]!;
    const flags = { exclusive: attributes.exclusive === true ? 1 : 0, reverse: attributes.reverse === true ? 1 : 0 };
    return [context.emit('CumSum', [name, context.int32(axis)], flags)];
  },
  // tfjs transposes this one wrongly unless the axis is the last.
  gradient: unaryGradient((dy, _x, { axis, exclusive, reverse }) =>
    cumsum(dy, axis as number, exclusive as boolean, !(reverse as boolean)),
  ),
};

/** Walks along one axis. */
export const SCAN: readonly KernelDefinition[] = [argument('ArgMax'), argument('ArgMin'), cumsumKernel];
