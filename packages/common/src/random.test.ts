import { describe, expect, it } from 'vitest';
import { normalFromWord, normalQuantile, normalTable } from './normal-quantile.js';
import { fillNormal, fillNormalRows, fillUniform, fillWords, type RandomKey, STREAMS, threefry } from './random.js';

const key = (over: Partial<RandomKey> = {}): RandomKey => ({
  seed: 1,
  stream: STREAMS.generate,
  step: 0,
  sample: 0,
  ...over,
});

describe('threefry', () => {
  // Random123, tests/kat_vectors, "threefry4x32 20".
  it.each([
    { counter: [0, 0, 0, 0], key: [0, 0, 0, 0], words: [0x9c6ca96a, 0xe17eae66, 0xfc10ecd4, 0x5256a7d8] },
    {
      counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      key: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      words: [0x2a881696, 0x57012287, 0xf6c7446e, 0xa16a6732],
    },
    {
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0, 0x082efa98, 0xec4e6c89],
      words: [0x59cd1dbb, 0xb8879579, 0x86b5d00c, 0xac8b6d84],
    },
  ])('gives the published words for counter $counter', ({ counter, key, words }) => {
    const out = new Uint32Array(4);
    threefry(counter, key, out);
    expect([...out]).toEqual(words);
  });
});

describe('rows', () => {
  it('depend on every part of the key, and on nothing else', () => {
    const row = (k: RandomKey): string => {
      const out = new Uint32Array(8);
      fillWords(out, 0, 8, k);
      return out.join();
    };
    const keys = [
      key(),
      key({ seed: 2 }),
      key({ seed: 1 + 2 ** 32 }),
      key({ stream: STREAMS.shuffle }),
      key({ step: 1 }),
      key({ step: 2 ** 32 }),
      key({ sample: 1 }),
      key({ sample: 2 ** 32 - 1 }),
    ];
    expect(new Set(keys.map(row)).size).toBe(keys.length);
    expect(row(key({ step: 5 }))).toBe(row(key({ step: 5 })));
  });

  it('do not change with how samples are split over shards', () => {
    const width = 103; // no multiple of a block
    const whole = new Float32Array(12 * width);
    fillNormalRows(whole, 0, 12, width, key({ step: 9 }));
    for (const shards of [2, 3, 4, 6, 12]) {
      const parts = new Float32Array(12 * width);
      const per = 12 / shards;
      for (let s = 0; s < shards; s++)
        fillNormalRows(parts, s * per * width, per, width, key({ step: 9, sample: s * per }));
      expect(parts).toEqual(whole);
    }
  });

  it('are prefixes of longer rows, and write nothing outside their range', () => {
    const long = new Float32Array(32);
    fillNormal(long, 0, 32, key());
    for (let count = 0; count <= 9; count++) {
      const out = new Float32Array(16).fill(7);
      fillNormal(out, 3, count, key());
      expect([...out]).toEqual([7, 7, 7, ...long.subarray(0, count), ...new Array(13 - count).fill(7)]);
    }
  });

  it('leave the key as it was', () => {
    const k = key({ sample: 5 });
    fillNormalRows(new Float32Array(40), 0, 4, 10, k);
    expect(k).toEqual(key({ sample: 5 }));
  });
});

describe('uniforms', () => {
  it('lie in [0, 1) with the right mean and variance', () => {
    const n = 1_000_000;
    const out = new Float32Array(n);
    fillUniform(out, 0, n, key());
    let sum = 0;
    let squares = 0;
    for (const u of out) {
      if (!(u >= 0 && u < 1)) throw new Error(`${u} is outside [0, 1)`);
      sum += u;
      squares += u * u;
    }
    const mean = sum / n;
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 / Math.sqrt(12 * n));
    expect(squares / n - mean * mean).toBeCloseTo(1 / 12, 3);
  });
});

/** The normal distribution function by its power series, and far out by the continued fraction of its tail. */
function normalCdf(x: number): number {
  if (x < 0) return 1 - normalCdf(-x);
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  if (x < 3) {
    let term = x;
    let sum = x;
    for (let k = 1; k < 60; k++) {
      term *= (x * x) / (2 * k + 1);
      sum += term;
    }
    return 0.5 + density * sum;
  }
  let fraction = 0;
  for (let k = 60; k > 0; k--) fraction = k / (x + fraction);
  return 1 - density / (x + fraction);
}

describe('normals', () => {
  const n = 1_000_000;
  const draws = new Float32Array(n);
  fillNormal(draws, 0, n, key({ seed: 42 }));

  it('have the moments of a normal distribution', () => {
    const moments = [0, 0, 0, 0, 0];
    for (const x of draws) for (let k = 1; k <= 4; k++) moments[k]! += x ** k / n;
    expect(Math.abs(moments[1]!)).toBeLessThan(4 / Math.sqrt(n));
    expect(Math.abs(moments[2]! - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
    expect(Math.abs(moments[3]!)).toBeLessThan(4 * Math.sqrt(15 / n));
    expect(Math.abs(moments[4]! - 3)).toBeLessThan(4 * Math.sqrt(96 / n));
  });

  it('pass a Kolmogorov-Smirnov test against the normal distribution', () => {
    const sorted = Float32Array.from(draws).sort();
    let distance = 0;
    for (let i = 0; i < n; i++) {
      const p = normalCdf(sorted[i]!);
      distance = Math.max(distance, Math.abs(p - i / n), Math.abs(p - (i + 1) / n));
    }
    expect(distance * Math.sqrt(n)).toBeLessThan(1.95); // p = 0.001
  });

  it('have tails: as many beyond 3, 4 and 4.5 as there should be', () => {
    for (const bound of [3, 4, 4.5]) {
      const expected = 2 * (1 - normalCdf(bound)) * n;
      const found = draws.reduce((count, x) => count + (Math.abs(x) > bound ? 1 : 0), 0);
      expect(Math.abs(found - expected)).toBeLessThan(4 * Math.sqrt(expected) + 1);
    }
  });

  it('are not correlated with their neighbours in a row, over samples or over steps', () => {
    const a = new Float32Array(100_000);
    const rows = (step: number, sample: number) => {
      const out = new Float32Array(100_000);
      fillNormalRows(out, 0, 1000, 100, key({ step, sample }));
      return out;
    };
    a.set(rows(0, 0));
    const correlation = (b: Float32Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0) / a.length;
    const shifted = Float32Array.from(a, (_, i) => a[(i + 1) % a.length]!);
    for (const other of [shifted, rows(0, 1), rows(1, 0), rows(0, 1000)]) {
      expect(Math.abs(correlation(other))).toBeLessThan(4.5 / Math.sqrt(a.length));
    }
  });

  it('follow the exact quantile within 2e-8 for every kind of word', () => {
    const cubics = normalTable();
    const words: number[] = [];
    for (let shift = 0; shift < 32; shift++)
      for (let i = 0; i < 500; i++) words.push((0xffffffff - i * 858_993) >>> shift);
    for (let i = 0; i < 300; i++) words.push(i);
    for (const word of words) {
      for (const signed of [word | 0, ~word]) {
        const exact = normalQuantile(signed < 0 ? (~signed + 0.5) / 2 ** 32 - 0.5 : 0.5 - (signed + 0.5) / 2 ** 32);
        expect(Math.abs(normalFromWord(cubics, signed) - exact)).toBeLessThan(2e-8);
      }
    }
  });

  it('never are infinite or zero-width at the ends', () => {
    const cubics = normalTable();
    expect(normalFromWord(cubics, 0)).toBeCloseTo(6.338, 2);
    expect(normalFromWord(cubics, -1)).toBe(-normalFromWord(cubics, 0));
    expect(normalFromWord(cubics, 0x7fffffff)).toBeCloseTo(0, 8);
  });
});

describe('normalQuantile', () => {
  it('inverts the distribution function to 15 digits', () => {
    // Published check values of AS 241 (p = 0.25, 0.001, 1e-20).
    expect(normalQuantile(-0.25)).toBeCloseTo(-0.6744897501960817, 14);
    expect(normalQuantile(0.001 - 0.5)).toBeCloseTo(-3.090232306167814, 13);
    for (const x of [-4, -2.5, -1, -0.1, 0.3, 1.4, 2.2, 3.5])
      expect(normalQuantile(normalCdf(x) - 0.5)).toBeCloseTo(x, 10);
  });
});

describe('allocation', () => {
  it('is nothing: the heap does not grow over 2,000 calls', () => {
    const out = new Float32Array(12_800);
    const k = key();
    const run = (times: number) => {
      for (let i = 0; i < times; i++) {
        k.step = i;
        fillNormalRows(out, 0, 128, 100, k);
      }
    };
    run(200);
    const before = process.memoryUsage().heapUsed;
    run(2000);
    // One boxed number a value would be 300 MB; leave room for the test runner's own work.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(4e6);
  });
});
