import { assert } from '@gantry/common';
import { ACTIVATIONS } from './activations.js';
import { ARITHMETIC } from './arithmetic.js';
import type { KernelDefinition } from './definition.js';
import { FILL } from './fill.js';
import { FUNCTIONS } from './functions.js';
import { GATHER } from './gather.js';
import { LOGIC } from './logic.js';
import { MATMUL } from './matmul.js';
import { PAD } from './pad.js';
import { REDUCE } from './reduce.js';
import { SCAN } from './scan.js';
import { SLICE } from './slice.js';
import { UNARY } from './unary.js';
import { VIEW } from './view.js';

/** A new family of kernels is a file in this folder and a line here. */
const FAMILIES: readonly (readonly KernelDefinition[])[] = [
  UNARY,
  FUNCTIONS,
  ACTIVATIONS,
  ARITHMETIC,
  LOGIC,
  REDUCE,
  SCAN,
  MATMUL,
  VIEW,
  SLICE,
  PAD,
  GATHER,
  FILL,
];

function indexKernels(): ReadonlyMap<string, KernelDefinition> {
  const kernels = new Map<string, KernelDefinition>();
  for (const kernel of FAMILIES.flat()) {
    assert(!kernels.has(kernel.name), `kernel ${kernel.name} is defined twice`);
    kernels.set(kernel.name, kernel);
  }
  return kernels;
}

/** Every kernel that Gantry knows, by its name. */
export const KERNELS = indexKernels();

/** One part of every kernel that has it: name → part. */
export function kernelsWith<Part extends keyof KernelDefinition>(
  part: Part,
): ReadonlyMap<string, NonNullable<KernelDefinition[Part]>> {
  const parts = new Map<string, NonNullable<KernelDefinition[Part]>>();
  for (const kernel of KERNELS.values()) {
    const value = kernel[part];
    if (value !== undefined) parts.set(kernel.name, value);
  }
  return parts;
}
