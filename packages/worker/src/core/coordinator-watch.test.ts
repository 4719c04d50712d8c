import { expect, it } from 'vitest';
import { CoordinatorWatch } from './coordinator-watch.js';

it('gives up after a lease of silent beats, and not before', () => {
  const watch = new CoordinatorWatch({ leaseMs: 1000, heartbeatMs: 250 });
  const beats = (count: number) => Array.from({ length: count }, () => watch.beat());
  expect(beats(4)).toEqual([false, false, false, false]);
  watch.heard();
  expect(beats(5)).toEqual([false, false, false, false, true]);
});

it('allows at least two silent beats', () => {
  const watch = new CoordinatorWatch({ leaseMs: 100, heartbeatMs: 250 });
  expect([watch.beat(), watch.beat(), watch.beat()]).toEqual([false, false, true]);
});
