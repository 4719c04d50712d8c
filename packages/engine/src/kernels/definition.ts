import type { GradientRule } from '../gradients/gradient.js';
import type { GraphNode, ValueInfo } from '../graph/graph.js';
import type { LoweringRule } from '../lower/context.js';
import type { TraceRule } from '../trace/kernel-rule.js';

/** Says what is wrong with a node's operands and results, or nothing. */
export type KernelCheck = (
  inputs: readonly ValueInfo[],
  outputs: readonly ValueInfo[],
  attributes: GraphNode['attributes'],
) => string | undefined;

/** What passes may assume of a kernel. */
export interface KernelFacts {
  /**
   * Works element by element: `unary` keeps the shape of its one tensor, so that it may change places with a view;
   * `binary` broadcasts its two.
   */
  readonly elementwise?: 'unary' | 'binary';
  /** What an element-wise kernel without attributes makes of one number of each operand: folds uniform tensors. */
  readonly compute?: (a: number, b: number) => number;
  /** Its two operands may change places. @default false */
  readonly commutative?: boolean;
}

/**
 * Everything that Gantry knows of one kernel. The capture backend, the gradient table, the graph's checks, the passes'
 * facts and the lowering are all derived from the list of these in `kernels/index.ts`.
 */
export interface KernelDefinition {
  /** Its name in tfjs, or one of Gantry's own for what only the passes make. */
  readonly name: string;
  /** How a trace records it: shapes, dtypes, attributes. @default never recorded: passes make it */
  readonly trace?: TraceRule;
  /** How it becomes ONNX nodes. @default never in a graph: recorded as another kernel */
  readonly lower?: LoweringRule;
  /** Its gradient, itself made of kernels with gradients, so that it can be differentiated again. @default tfjs's own */
  readonly gradient?: GradientRule;
  /** What `verifyGraph` demands of its operands and results. @default nothing beyond what is true of all nodes */
  readonly check?: KernelCheck;
  /** @default passes leave it alone */
  readonly facts?: KernelFacts;
}
