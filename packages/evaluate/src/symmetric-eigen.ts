/** A dense n×n matrix, row after row. */
export type SquareMatrix = Float64Array;

/** Eigenvalues [n] and eigenvectors, the rows of `vectors` [n, n]. Unsorted. */
export interface Eigen {
  readonly values: Float64Array;
  readonly vectors: SquareMatrix;
}

/** Sweeps until a matrix is diagonal: convergence is quadratic, six to ten do. */
const SWEEPS_MAX = 40;
/** Off-diagonal mass, relative to the matrix's own, that counts as zero: beyond what doubles can hold. */
const TOLERANCE = 1e-26;

/**
 * Eigen-decomposition of a symmetric matrix by cyclic Jacobi rotations (Golub and Van Loan, Matrix Computations, 4th edition,
 * section 8.5): slower than reduction to tridiagonal form (0.1 s for n = 128), short, and accurate for small eigenvalues.
 */
export function symmetricEigen(matrix: SquareMatrix, n: number): Eigen {
  const a = Float64Array.from(matrix);
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  const total = a.reduce((sum, value) => sum + value * value, 0);
  for (let sweep = 0; sweep < SWEEPS_MAX && offDiagonal(a, n) > TOLERANCE * total; sweep++) {
    for (let p = 0; p < n - 1; p++) for (let q = p + 1; q < n; q++) rotate(a, vectors, n, p, q);
  }
  return { values: Float64Array.from({ length: n }, (_, i) => a[i * n + i]!), vectors };
}

function offDiagonal(a: SquareMatrix, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) sum += 2 * a[i * n + j]! ** 2;
  return sum;
}

/** Makes a[p, q] zero. */
function rotate(a: SquareMatrix, vectors: SquareMatrix, n: number, p: number, q: number): void {
  const apq = a[p * n + q]!;
  if (apq === 0) return;
  const tau = (a[q * n + q]! - a[p * n + p]!) / (2 * apq);
  const t = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
  const cosine = 1 / Math.sqrt(1 + t * t);
  const sine = t * cosine;
  rotateRows(a, n, p, q, cosine, sine);
  rotateColumns(a, n, p, q, cosine, sine);
  rotateRows(vectors, n, p, q, cosine, sine);
}

function rotateRows(a: SquareMatrix, n: number, p: number, q: number, cosine: number, sine: number): void {
  for (let k = 0; k < n; k++) {
    const x = a[p * n + k]!;
    const y = a[q * n + k]!;
    a[p * n + k] = cosine * x - sine * y;
    a[q * n + k] = sine * x + cosine * y;
  }
}

function rotateColumns(a: SquareMatrix, n: number, p: number, q: number, cosine: number, sine: number): void {
  for (let k = 0; k < n; k++) {
    const x = a[k * n + p]!;
    const y = a[k * n + q]!;
    a[k * n + p] = cosine * x - sine * y;
    a[k * n + q] = sine * x + cosine * y;
  }
}
