import type { Graph } from '../graph/graph.js';
import { printGraph } from '../graph/print.js';
import { verifyGraph } from '../graph/verify.js';
import { ALGEBRA_RULES } from './algebra-rules.js';
import { BROADCAST_RULES } from './broadcast-rules.js';
import { CONSTANT_RULES } from './constant-rules.js';
import { removeDeadCode } from './dead-code.js';
import { IDENTITY_RULES } from './identity-rules.js';
import { KERNEL_RULES } from './kernel-rules.js';
import { PRODUCT_RULES } from './product-rules.js';
import { Rewriter, type Rule } from './rewriter.js';
import { SHAPE_RULES } from './shape-rules.js';

export interface Pass {
  readonly name: string;
  run(graph: Graph): Graph;
}

/** Sweeps see only what lies before a node; what they do for later ones settles within a few. */
const SWEEPS_MAX = 8;

const SIMPLIFY: readonly Rule[] = [
  ...CONSTANT_RULES,
  ...IDENTITY_RULES,
  ...ALGEBRA_RULES,
  ...SHAPE_RULES,
  ...BROADCAST_RULES,
];

/** Sweeps of rules, with common subexpressions and dead code, until nothing changes. */
function sweeps(name: string, rules: readonly Rule[]): Pass {
  return {
    name,
    run: (graph) => {
      let current = graph;
      for (let sweep = 0; sweep < SWEEPS_MAX; sweep++) {
        const next = removeDeadCode(Rewriter.run(current, rules));
        if (printGraph(next) === printGraph(current)) return next;
        current = next;
      }
      return current;
    },
  };
}

/**
 * The passes, in their order: first everything that needs no knowledge of the runtime, so that what the later ones look
 * for has one form; then the products; then kernels that are fast on ONNX Runtime.
 */
export const PASSES: readonly Pass[] = [
  { name: 'dead code', run: removeDeadCode },
  sweeps('simplify', SIMPLIFY),
  sweeps('products', [...PRODUCT_RULES, ...SIMPLIFY]),
  sweeps('kernels', [...KERNEL_RULES, ...PRODUCT_RULES, ...SIMPLIFY]),
];

/**
 * Optimizes a kernel graph: the same inputs, the same outputs up to rounding, fewer and faster kernels.
 *
 * @throws GantryError GANTRY_INTERNAL if the graph, or what a pass makes of it, is broken.
 */
export function optimizeGraph(graph: Graph, passes: readonly Pass[] = PASSES): Graph {
  verifyGraph(graph);
  let current = graph;
  for (const pass of passes) {
    current = pass.run(current);
    verifyGraph(current, `pass "${pass.name}"`);
  }
  return current;
}
