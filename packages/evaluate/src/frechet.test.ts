import { fillNormalRows, STREAMS } from '@gantry/common';
import { describe, expect, it } from 'vitest';
import { featureStatistics, frechetDistance } from './frechet.js';
import { symmetricEigen } from './symmetric-eigen.js';

/** [count, width] normals. */
function normals(count: number, width: number, seed: number): Float32Array {
  const out = new Float32Array(count * width);
  fillNormalRows(out, 0, count, width, { seed, stream: STREAMS.generate, step: 0, sample: 0 });
  return out;
}

/** Statistics given directly. */
function moments(mean: number[], covariance: number[]) {
  return { count: 0, mean: Float64Array.from(mean), covariance: Float64Array.from(covariance) };
}

describe('symmetricEigen', () => {
  it('takes a random covariance apart into orthonormal directions', () => {
    const n = 40;
    const { covariance } = featureStatistics(normals(25, n, 1), n); // of rank 24
    const { values, vectors } = symmetricEigen(covariance, n);
    for (let i = 0; i < n; i++) {
      const v = vectors.subarray(i * n, (i + 1) * n);
      for (let j = 0; j < n; j++) {
        const dot = v.reduce((sum, x, k) => sum + x * vectors[j * n + k]!, 0);
        expect(dot).toBeCloseTo(i === j ? 1 : 0, 12);
        const row = v.reduce((sum, x, k) => sum + x * covariance[j * n + k]!, 0);
        expect(row).toBeCloseTo(values[i]! * v[j]!, 10);
      }
    }
    expect(values.filter((value) => value > 1e-10)).toHaveLength(24);
  });
});

describe('featureStatistics', () => {
  it('are mean and unbiased covariance', () => {
    const { mean, covariance, count } = featureStatistics(Float32Array.of(1, 2, 3, 6, 5, 4), 2);
    expect(count).toBe(3);
    expect([...mean]).toEqual([3, 4]);
    expect([...covariance]).toEqual([4, 2, 2, 4]);
  });

  it('need two rows', () => {
    expect(() => featureStatistics(new Float32Array(4), 4)).toThrow(expect.objectContaining({ code: 'GANTRY_USAGE' }));
  });
});

describe('frechetDistance', () => {
  it('has the closed form of commuting covariances: |μ₁−μ₂|² + Σ (σ₁−σ₂)²', () => {
    const a = moments([1, 2, 3], [4, 0, 0, 0, 9, 0, 0, 0, 0]);
    const b = moments([1, 4, 3], [1, 0, 0, 0, 25, 0, 0, 0, 16]);
    expect(frechetDistance(a, b)).toBeCloseTo(4 + 1 + 4 + 16, 10);
  });

  it('agrees with the 2×2 case worked by hand where covariances do not commute', () => {
    // tr √(C₁C₂) of 2×2 matrices is √(tr C₁C₂ + 2 √det C₁C₂).
    const a = moments([0, 0], [2, 1, 1, 2]);
    const b = moments([0, 0], [3, 0, 0, 1]);
    const root = Math.sqrt(8 + 2 * Math.sqrt(3 * 3));
    expect(frechetDistance(a, b)).toBeCloseTo(8 - 2 * root, 10);
    expect(frechetDistance(b, a)).toBeCloseTo(8 - 2 * root, 10);
  });

  it('is zero between equal sets, also degenerate ones, and grows with shift', () => {
    const width = 128;
    const few = normals(60, width, 2);
    const statistics = featureStatistics(few, width);
    expect(frechetDistance(statistics, statistics)).toBeLessThan(1e-6);
    const shifted = featureStatistics(
      few.map((x) => x + 0.5),
      width,
    );
    expect(frechetDistance(statistics, shifted)).toBeCloseTo(width / 4, 3);
    expect(() => frechetDistance(statistics, moments([0], [1]))).toThrow(/128 features against 1/);
  });
});
