import type { KernelFunc, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs-core';
import { CPU_BACKEND } from '../engines/cpu-backend.js';
import { getKernelsForBackend, registerBackend, registerKernel } from '../tfjs.js';
import { CAPTURE_BACKEND, CaptureBackend, randomError } from './capture-backend.js';
import type { KernelAttributes, KernelRule } from './kernel-rule.js';
import { currentRecording } from './recording.js';
import { KERNEL_RULES } from './registry.js';

/** Kernels that draw random numbers get a message of their own. */
const RANDOM_KERNELS = new Set(['Multinomial']);

let backend: CaptureBackend | null = null;

/** Registers the capture backend and its kernels with tfjs, once a process. */
export function captureBackend(): CaptureBackend {
  if (backend !== null) return backend;
  const created = new CaptureBackend();
  // Below every other backend: tfjs must never choose this one by itself.
  registerBackend(CAPTURE_BACKEND, () => created, 0);
  for (const rule of KERNEL_RULES.values()) {
    registerKernel({ kernelName: rule.kernel, backendName: CAPTURE_BACKEND, kernelFunc: recorder(created, rule) });
  }
  for (const { kernelName } of getKernelsForBackend(CPU_BACKEND)) {
    if (KERNEL_RULES.has(kernelName)) continue;
    registerKernel({ kernelName, backendName: CAPTURE_BACKEND, kernelFunc: refuser(created, kernelName) });
  }
  backend = created;
  return created;
}

/** A kernel that records itself instead of computing. */
function recorder(owner: CaptureBackend, rule: KernelRule): KernelFunc {
  return ({ inputs, attrs }) => {
    const tensors = orderedInputs(rule, inputs);
    const attributes = (attrs ?? {}) as KernelAttributes;
    const shapes = tensors as readonly { shape: number[]; dtype: 'float32' }[];
    if (rule.isAlias?.(shapes, attributes)) return owner.alias(tensors[0]!);
    const recording = currentRecording();
    const values = tensors.map((tensor) => owner.toValue(tensor));
    const outputs = recording.node(rule, values, attributes).map((id) => {
      const { shape, dtype } = recording.info(id);
      return owner.symbol(id, shape, dtype);
    });
    return rule.manyOutputs === true ? outputs : outputs[0]!;
  };
}

/** A kernel of tfjs that has no rule: an error, never a wrong number. */
function refuser(owner: CaptureBackend, kernel: string): KernelFunc {
  return ({ inputs }) => {
    if (RANDOM_KERNELS.has(kernel)) throw randomError(`kernel ${kernel}`);
    const tensors = Object.values(inputs).filter(
      (input): input is TensorInfo => input != null && owner.owns(input.dataId),
    );
    const values = tensors.map((tensor) => owner.toValue(tensor));
    throw currentRecording().unsupported(
      kernel,
      values,
      'there is no rule for it; run it with --engine js or tensorflow',
    );
  };
}

/** Inputs in the order of the kernel's type. A missing optional input must be the last of them. */
function orderedInputs(rule: KernelRule, inputs: NamedTensorInfoMap): TensorInfo[] {
  if (rule.inputs === 'list') return inputs as unknown as TensorInfo[];
  const tensors: TensorInfo[] = [];
  for (const name of rule.inputs) {
    const tensor = inputs[name.replace('?', '')];
    if (tensor != null) tensors.push(tensor);
  }
  return tensors;
}
