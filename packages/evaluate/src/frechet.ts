import { GantryError } from '@gantry/common';
import { type SquareMatrix, symmetricEigen } from './symmetric-eigen.js';

/** Mean and covariance of n features of some images. */
export interface FeatureStatistics {
  readonly count: number;
  /** [n] */
  readonly mean: Float64Array;
  /** [n, n], unbiased. */
  readonly covariance: SquareMatrix;
}

/**
 * Mean and covariance of rows of features.
 * @param features [N, width]
 * @throws GantryError GANTRY_USAGE with fewer than two rows
 */
export function featureStatistics(features: Float32Array, width: number): FeatureStatistics {
  const count = features.length / width;
  if (!Number.isInteger(count) || count < 2) {
    throw new GantryError('GANTRY_USAGE', `statistics of ${width} features need two rows at least, not ${count}`);
  }
  const mean = new Float64Array(width);
  for (let at = 0; at < features.length; at++) mean[at % width]! += features[at]! / count;
  return { count, mean, covariance: covarianceOf(features, mean) };
}

function covarianceOf(features: Float32Array, mean: Float64Array): SquareMatrix {
  const n = mean.length;
  const covariance = new Float64Array(n * n);
  const centred = new Float64Array(n);
  const scale = 1 / (features.length / n - 1);
  for (let at = 0; at < features.length; at += n) {
    for (let i = 0; i < n; i++) centred[i] = features[at + i]! - mean[i]!;
    for (let i = 0; i < n; i++) {
      const factor = centred[i]! * scale;
      for (let j = 0; j <= i; j++) covariance[i * n + j]! += factor * centred[j]!;
    }
  }
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) covariance[j * n + i] = covariance[i * n + j]!;
  return covariance;
}

/**
 * Fréchet distance of two normal distributions with the given moments, |μ₁ − μ₂|² + tr(C₁ + C₂ − 2 (C₁ C₂)^½) (Dowson and
 * Landau 1982; Heusel et al., "GANs trained by a two time-scale update rule", NeurIPS 2017). On this package's features it is
 * "FID on a small classifier": compare it with itself only, and at equal counts (few samples bias it upwards).
 * @throws GantryError GANTRY_USAGE if the two have different widths
 */
export function frechetDistance(a: FeatureStatistics, b: FeatureStatistics): number {
  const n = a.mean.length;
  if (b.mean.length !== n) throw new GantryError('GANTRY_USAGE', `${n} features against ${b.mean.length}`);
  let distance = 0;
  for (let i = 0; i < n; i++) {
    distance += (a.mean[i]! - b.mean[i]!) ** 2 + a.covariance[i * n + i]! + b.covariance[i * n + i]!;
  }
  // tr (C₁ C₂)^½ = tr (C₁^½ C₂ C₁^½)^½, and that matrix is symmetric, so its eigenvalues are real.
  const root = squareRoot(a.covariance, n);
  const product = multiply(multiply(root, b.covariance, n), root, n);
  for (const value of symmetricEigen(symmetrized(product, n), n).values) distance -= 2 * Math.sqrt(Math.max(0, value));
  return Math.max(0, distance);
}

/** The symmetric square root Σ √λ v vᵀ of a positive semi-definite matrix. */
function squareRoot(matrix: SquareMatrix, n: number): SquareMatrix {
  const { values, vectors } = symmetricEigen(matrix, n);
  const scaled = Float64Array.from(vectors, (v, at) => v * Math.sqrt(Math.max(0, values[Math.floor(at / n)]!)));
  return multiply(transposed(vectors, n), scaled, n);
}

function transposed(a: SquareMatrix, n: number): SquareMatrix {
  return a.map((_, at) => a[(at % n) * n + Math.floor(at / n)]!);
}

/** Takes away the asymmetry of rounding. */
function symmetrized(a: SquareMatrix, n: number): SquareMatrix {
  const b = transposed(a, n);
  return a.map((value, at) => (value + b[at]!) / 2);
}

function multiply(a: SquareMatrix, b: SquareMatrix, n: number): SquareMatrix {
  const c = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const factor = a[i * n + k]!;
      for (let j = 0; j < n; j++) c[i * n + j]! += factor * b[k * n + j]!;
    }
  }
  return c;
}
