import { kernelsWith } from '../kernels/index.js';
import type { KernelRule } from './kernel-rule.js';

/** Kernel name → how it is recorded: every kernel that the capture backend knows. */
export const KERNEL_RULES: ReadonlyMap<string, KernelRule> = new Map(
  [...kernelsWith('trace')].map(([kernel, rule]) => [kernel, { ...rule, kernel }]),
);
