import { assert } from '@gantry/common';
import type { KernelRule } from './kernel-rule.js';
import { BINARY_RULES } from './rules/binary.js';
import { MATMUL_RULES } from './rules/matmul.js';
import { REDUCE_RULES } from './rules/reduce.js';
import { SELECT_RULES } from './rules/select.js';
import { SHAPE_RULES } from './rules/shape.js';
import { SLICE_RULES } from './rules/slice.js';
import { UNARY_RULES } from './rules/unary.js';

/** Every kernel that the capture backend records. A new family is a file in `rules/` and a line here. */
const FAMILIES: readonly (readonly KernelRule[])[] = [
  UNARY_RULES,
  BINARY_RULES,
  REDUCE_RULES,
  MATMUL_RULES,
  SHAPE_RULES,
  SLICE_RULES,
  SELECT_RULES,
];

function indexRules(): ReadonlyMap<string, KernelRule> {
  const rules = new Map<string, KernelRule>();
  for (const rule of FAMILIES.flat()) {
    assert(!rules.has(rule.kernel), `two rules record kernel ${rule.kernel}`);
    rules.set(rule.kernel, rule);
  }
  return rules;
}

/** Kernel name → how it is recorded. */
export const KERNEL_RULES = indexRules();
