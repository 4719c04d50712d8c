import { expect, it } from 'vitest';
import { lookAtStopped, NONE_STOPPED } from './stopped-children.js';

const leaseMs = 1000;

function looks(times: readonly (readonly [number, readonly string[]])[]): (readonly string[])[] {
  let state = NONE_STOPPED;
  return times.map(([nowMs, stopped]) => {
    const { after, overdue } = lookAtStopped(state, { nowMs, stopped, leaseMs });
    state = after;
    return overdue;
  });
}

it('names who stays stopped for longer than a lease', () => {
  const every = Array.from({ length: 7 }, (_, i) => [5000 + 200 * i, ['b']] as const);
  expect(looks(every)).toEqual([[], [], [], [], [], [], ['b']]);
});

it('begins anew when one goes on in between', () => {
  const times = [0, 400, 800, 1200, 1600].map((ms) => [ms, ms === 800 ? [] : ['a']] as const);
  expect(looks(times).flat()).toEqual([]);
});

it('gives time to what was stopped together with the coordinator', () => {
  expect(
    looks([
      [100, ['a']],
      [200, ['a']],
      [60_000, ['a']],
      [60_400, []],
    ]).flat(),
  ).toEqual([]);
});
