import type { Tensor } from '@tensorflow/tfjs-core';
import { engine } from '../tfjs.js';

type Save = (tensors: Tensor[]) => void;
interface CustomResult {
  value: Tensor;
  gradFunc(dy: Tensor, saved: Tensor[]): Tensor | Tensor[];
}
type CustomFunction = (...inputsAndSave: (Tensor | Save)[]) => CustomResult;
type CustomGrad = (fn: CustomFunction) => (...inputs: Tensor[]) => Tensor;

/** Marks the wrapper, so that it is put around tfjs's function once. */
const PATCHED = Symbol('gantry.customGrad');

/**
 * Mends the same fault as the gradient table does, for ops that bring their gradient along through `tf.customGrad`
 * (logSoftmax, softmaxCrossEntropy, fused products): what they saved of their *results* has lost its dependence on
 * their inputs. Where a gradient of the gradient is being taken, the op is run again on the tape, and its gradient is
 * fed from that run.
 */
export function mendCustomGrad(): void {
  const target = engine() as unknown as { customGrad: CustomGrad & { [PATCHED]?: true } };
  if (target.customGrad[PATCHED]) return;
  const original = target.customGrad.bind(target) as CustomGrad;
  target.customGrad = Object.assign((fn: CustomFunction) => original(recomputing(fn)), { [PATCHED]: true as const });
}

function recomputing(fn: CustomFunction): CustomFunction {
  return (...inputsAndSave) => {
    const inputs = inputsAndSave.slice(0, -1) as Tensor[];
    const save = inputsAndSave.at(-1) as Save;
    let own: Tensor[] = [];
    const first = fn(...inputs, (tensors: Tensor[]) => {
      own = tensors;
    });
    save([...inputs, ...own]);
    const op: CustomOp = { fn, first, inputs: inputs.length, savesResults: own.some((t) => !inputs.includes(t)) };
    return { value: first.value, gradFunc: (dy, saved) => gradientOf(op, dy, saved) };
  };
}

interface CustomOp {
  readonly fn: CustomFunction;
  readonly first: CustomResult;
  readonly inputs: number;
  readonly savesResults: boolean;
}

/** `saved`: copies of the op's inputs, which do hang on the tape, and then what the op itself saved. */
function gradientOf({ fn, first, inputs, savesResults }: CustomOp, dy: Tensor, saved: Tensor[]): Tensor | Tensor[] {
  const { gradientDepth, kernelDepth } = engine().state;
  const isOnTape = gradientDepth > 0 && kernelDepth === 0;
  // An op that saves nothing (logSigmoid) holds on to its inputs themselves, which may be disposed of by now.
  const savesNothing = saved.length === inputs;
  if (!savesNothing && !(isOnTape && savesResults)) return first.gradFunc(dy, saved.slice(inputs));
  let recomputed: Tensor[] = [];
  const again = fn(...saved.slice(0, inputs), (tensors: Tensor[]) => {
    recomputed = tensors;
  });
  return again.gradFunc(dy, recomputed);
}
