import { describe, expect, it } from 'vitest';
import { heldState } from './assignment.js';
import type { MemberState } from './state.js';

/** `a 3@10`: worker a, on a host of its own, holds update 10 of generation 3. `a/h`: on host h. */
function held(...texts: string[]): MemberState[] {
  return texts.map((text) => {
    const [, worker, host, generation, update] = /^(\w+)(?:\/(\w+))? (\d+)@(\d+)$/.exec(text)!;
    const where = { worker, host: host ?? `host-of-${worker}` };
    return { ...where, heldGeneration: Number(generation), heldUpdate: Number(update) } as MemberState;
  });
}

function expectHeld(members: MemberState[], update: number, holders: string[], transport: 'tcp' | 'shm' = 'tcp'): void {
  expect(heldState(members, transport)).toEqual({ update, holders: new Set(holders) });
}

describe('heldState', () => {
  it('is nothing where nobody holds anything', () => {
    expect(heldState(held('a 0@0', 'b 0@0'), 'tcp')).toBe(null);
  });

  it('is the lowest of a generation, in which all are at most one update apart', () => {
    expectHeld(held('a 3@10', 'b 3@11', 'c 0@0'), 10, ['a', 'b']);
  });

  it('is what earlier ones have where that is the same update', () => {
    expectHeld(held('a 3@10', 'b 2@10', 'c 1@10', 'd 2@9'), 10, ['a', 'b', 'c']);
    expectHeld(held('a/h 3@10', 'b/i 2@10'), 10, ['a'], 'shm');
  });

  it('is of the last generation, although one before is an update further', () => {
    // Who has the next one may have begun with it, and has nothing of what was before.
    expectHeld(held('a 3@10', 'b 2@11'), 10, ['a']);
    expectHeld(held('a/h 3@10', 'b/i 2@11'), 10, ['a'], 'shm');
  });

  it('is of an earlier one that did not lead to the last, where it is further', () => {
    expectHeld(held('a 7@60', 'b 7@61', 'c 8@50'), 60, ['a', 'b']);
    expectHeld(held('a 2@100', 'b 3@40', 'c 3@41'), 100, ['a']);
    expectHeld(held('a 2@43', 'b 2@42', 'c 3@41'), 42, ['a', 'b']);
    expectHeld(held('a/h 2@100', 'b/i 3@40'), 100, ['a'], 'shm');
    // The same update is the same state, whoever holds it; not where memory is shared, which may have been given back.
    expectHeld(held('a 2@100', 'b 3@40', 'c 1@100'), 100, ['a', 'c']);
    expectHeld(held('a/h 2@100', 'b/i 3@40', 'c/j 1@100'), 100, ['a'], 'shm');
  });

  it('is the furthest where two generations were given one number', () => {
    expectHeld(held('a 1@50', 'b 1@60', 'c 1@61'), 60, ['b', 'c']);
    expectHeld(held('a 1@100', 'b 1@60', 'c 1@60'), 100, ['a']);
  });

  it('is of a host what the last of those says who share its memory', () => {
    expectHeld(held('a/h 3@9', 'b/h 3@10', 'c/i 3@10'), 10, ['b', 'c'], 'shm');
  });

  it('is never taken from the memory of another generation that was given the same number', () => {
    expectHeld(held('a/h 5@50', 'b/h 5@51'), 51, ['b'], 'shm');
  });
});
