import { describe, expect, it } from 'vitest';
import { addStrike } from './strikes.js';

describe('addStrike', () => {
  it('counts losses that one update may explain, and narrows it down', () => {
    const first = addStrike(null, { from: 49, to: 80 });
    const second = addStrike(first, { from: 58, to: 90 });
    expect(addStrike(second, { from: 40, to: 61 })).toEqual({ count: 3, range: { from: 58, to: 61 } });
  });

  it('begins anew where no one update explains them', () => {
    const first = addStrike(null, { from: 49, to: 80 });
    expect(addStrike(first, { from: 81, to: 90 })).toEqual({ count: 1, range: { from: 81, to: 90 } });
  });
});
