import { sha256Hex } from '@gantry/common';
import { expect, it } from 'vitest';
import { SLICE_BYTES } from './constants.js';
import { hashInSlices, isFiniteInSlices } from './hash-slices.js';

const values = new Float32Array((2 * SLICE_BYTES) / 4 + 5).map((_, index) => index % 1000);

it('hashes as in one piece, and others have their turn meanwhile', async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  expect(await hashInSlices(values)).toBe(sha256Hex(values));
  expect(await hashInSlices(values.subarray(3))).toBe(sha256Hex(values.subarray(3)));
  clearInterval(timer);
  expect(turns).toBeGreaterThan(0);
});

it('finds what is not finite in every slice', async () => {
  expect(await isFiniteInSlices(values)).toBe(true);
  for (const at of [0, SLICE_BYTES / 4, values.length - 1]) {
    const bad = values.slice();
    bad[at] = at === 0 ? Number.NaN : Number.POSITIVE_INFINITY;
    expect(await isFiniteInSlices(bad)).toBe(false);
  }
});
