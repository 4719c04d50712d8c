import { expect, it } from 'vitest';
import { PHASE_INDEX, ProgressWords } from './progress-words.js';

it.each([1000, 2 ** 31 - 3, 2 ** 31 + 5000, 2 ** 32 - 1, 2 ** 33])(
  'tells how long a phase lasts, from %d ms on',
  (nowMs) => {
    const words = new ProgressWords();
    words.enter(PHASE_INDEX.computing, 7, nowMs + 0.25);
    expect(words.phaseMs(nowMs + 7.5)).toBe(7);
    // The two threads' clocks differ by a fraction.
    expect(words.phaseMs(nowMs - 1)).toBe(0);
  },
);
