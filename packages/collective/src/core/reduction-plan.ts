import type { ShardAssignment } from './assignment.js';
import { type DirectSchedule, subtreesInOrder } from './schedules.js';
import { reduceOrder, type ShardRange } from './tree.js';

/** Where an addition finds an operand or puts its result: a slot's chunk, a scratch register, or the result itself. */
export type Operand =
  | { readonly kind: 'slot'; readonly index: number }
  | { readonly kind: 'register'; readonly index: number }
  | { readonly kind: 'result' };

export interface Addition {
  readonly out: Operand;
  readonly left: Operand;
  readonly right: Operand;
}

/** How an owner finishes the tree for one chunk. Slots are the subtrees of all members in the order of their shards. */
export interface ReductionPlan {
  readonly slots: readonly { readonly member: number; readonly node: ShardRange }[];
  /** Empty if one slot is already the sum. */
  readonly additions: readonly Addition[];
  readonly registers: number;
}

/** Gives every intermediate sum a register, as few as the depth of the tree needs. */
export function planReduction(schedule: DirectSchedule, assignment: ShardAssignment): ReductionPlan {
  const slots = subtreesInOrder(schedule);
  const adds = reduceOrder(
    slots.map(({ node }) => node),
    { start: 0, end: assignment.shards },
  );
  const where: Operand[] = slots.map((_, index) => ({ kind: 'slot', index }));
  const free: number[] = [];
  let registers = 0;
  const additions = adds.map((add, index): Addition => {
    const left = where[add.left]!;
    const right = where[add.right]!;
    for (const operand of [left, right]) if (operand.kind === 'register') free.push(operand.index);
    const isLast = index === adds.length - 1;
    const out: Operand = isLast ? { kind: 'result' } : { kind: 'register', index: free.pop() ?? registers++ };
    where[add.left] = out;
    return { out, left, right };
  });
  return { slots, additions, registers };
}
