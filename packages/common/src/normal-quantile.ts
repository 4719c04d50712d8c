/**
 * The quantile function of the normal distribution, exactly and fast.
 *
 * `normalQuantile` is Wichura's PPND16 (Algorithm AS 241, Applied Statistics 37(3), 1988, pp. 477-484; 1 part in 10^16).
 * `normalFromWord` is a table of cubics fitted to it, indexed by the position of the leading one of the tail probability
 * (hierarchical segmentation as in Lee, Luk, Villasenor and Cheung, "Hierarchical segmentation for hardware function
 * evaluation", IEEE TVLSI 17(1), 2009): no logarithm, no division, one branch that is almost never taken.
 * All of it is + - * / sqrt and, when the table is built, Math.log, which V8 computes in software: the same bits everywhere.
 */

/** Segments an octave of the tail probability is cut into, as a power of two: 16 keep the cubics within 2e-8. */
const SEGMENT_BITS = 4;
const SEGMENTS = 1 << SEGMENT_BITS;
/** Octaves of a 31-bit tail word from SEGMENTS up. */
const OCTAVES = 31 - SEGMENT_BITS;
/** Coefficients a segment: constant, linear, quadratic, cubic. */
const COEFFICIENTS = 4;

/** Built on first use (about 3 ms), so that programs that draw no normals do not pay for it. */
let table: Float64Array | null = null;

const CENTRE_NUMERATOR = [
  3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987, 67265.7709270087,
  33430.57558358813, 2509.0809287301227,
];
const CENTRE_DENOMINATOR = [
  1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271, 28729.085735721943,
  5226.495278852854,
];
const MIDDLE_NUMERATOR = [
  1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684, 0.2417807251774506,
  0.022723844989269184, 0.0007745450142783414,
];
const MIDDLE_DENOMINATOR = [
  1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
  0.0005475938084995345, 1.0507500716444169e-9,
];
const FAR_NUMERATOR = [
  6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
  0.0012426609473880784, 0.000027115555687434876, 2.0103343992922881e-7,
];
const FAR_DENOMINATOR = [
  1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133, 0.000018463183175100548,
  1.421511758316446e-7, 2.0442631033899397e-15,
];

/**
 * The x with P(X ≤ x) = 0.5 + `centred` for a standard normal X.
 * @param centred probability less one half, in (−0.5, 0.5). Passing the difference keeps digits near the middle.
 */
export function normalQuantile(centred: number): number {
  if (Math.abs(centred) <= 0.425) {
    const r = 0.180625 - centred * centred;
    return (centred * horner(CENTRE_NUMERATOR, r)) / horner(CENTRE_DENOMINATOR, r);
  }
  const magnitude = tailQuantile(0.5 - Math.abs(centred));
  return centred < 0 ? -magnitude : magnitude;
}

/** |x| of a tail probability below 0.075. */
function tailQuantile(tail: number): number {
  const r = Math.sqrt(-Math.log(tail));
  return r <= 5
    ? horner(MIDDLE_NUMERATOR, r - 1.6) / horner(MIDDLE_DENOMINATOR, r - 1.6)
    : horner(FAR_NUMERATOR, r - 5) / horner(FAR_DENOMINATOR, r - 5);
}

function horner(coefficients: readonly number[], x: number): number {
  let sum = 0;
  for (let i = coefficients.length - 1; i >= 0; i--) sum = sum * x + coefficients[i]!;
  return sum;
}

/**
 * Table of |x| for a 31-bit tail word t, probability (t + 0.5) / 2^32 in (0, 0.5): one cubic in the word's low bits for each
 * value of its leading one and the SEGMENT_BITS after it. Build it once, keep it in a local where many draws are made.
 */
export function normalTable(): Float64Array {
  table ??= buildTable();
  return table;
}

function buildTable(): Float64Array {
  const cubics = new Float64Array((OCTAVES + 1) * SEGMENTS * COEFFICIENTS);
  for (let shift = 0; shift < OCTAVES; shift++) {
    for (let segment = SEGMENTS; segment < 2 * SEGMENTS; segment++) {
      const width = 2 ** shift;
      cubics.set(fitCubic(segment * width, width), (shift * SEGMENTS + segment) * COEFFICIENTS);
    }
  }
  return cubics;
}

/** The four Chebyshev nodes of [0, 1]: (1 ± cos π/8) / 2 and (1 ± cos 3π/8) / 2, by square roots alone. */
const NODES = [
  0.5 - Math.sqrt(2 + Math.SQRT2) / 4,
  0.5 - Math.sqrt(2 - Math.SQRT2) / 4,
  0.5 + Math.sqrt(2 - Math.SQRT2) / 4,
  0.5 + Math.sqrt(2 + Math.SQRT2) / 4,
];

/** Interpolates |x| over tail words [base, base + width) at the Chebyshev nodes (Newton's form, then expanded). */
function fitCubic(base: number, width: number): number[] {
  const x = NODES.map((node) => node * width);
  const d = x.map((offset) => -normalQuantile((base + offset + 0.5) / 2 ** 32 - 0.5));
  for (let level = 1; level < COEFFICIENTS; level++) {
    for (let j = COEFFICIENTS - 1; j >= level; j--) d[j] = (d[j]! - d[j - 1]!) / (x[j]! - x[j - level]!);
  }
  const cubic = [d[3]!, 0, 0, 0];
  for (let level = 2; level >= 0; level--) {
    for (let j = 3; j > 0; j--) cubic[j] = cubic[j - 1]! - x[level]! * cubic[j]!;
    cubic[0] = d[level]! - x[level]! * cubic[0]!;
  }
  return cubic;
}

/**
 * The standard normal that a 32-bit word stands for: its top bit is the sign, the rest the tail probability.
 * Within 2e-8 of the true quantile of (word + 0.5) / 2^32; the largest magnitude is 6.34. Allocates nothing.
 * @param cubics from {@link normalTable}
 */
export function normalFromWord(cubics: Float64Array, word: number): number {
  const tail = word ^ (word >> 31);
  if (tail < SEGMENTS) return rareNormal(word, tail);
  const shift = 31 - SEGMENT_BITS - Math.clz32(tail);
  const segment = tail >>> shift;
  const x = tail - (segment << shift);
  const i = (shift * SEGMENTS + segment) * COEFFICIENTS;
  const magnitude = ((cubics[i + 3]! * x + cubics[i + 2]!) * x + cubics[i + 1]!) * x + cubics[i]!;
  return word < 0 ? -magnitude : magnitude;
}

/** The 2 × SEGMENTS words in 2^32 that have too few bits for a segment of their own. */
function rareNormal(word: number, tail: number): number {
  const magnitude = tailQuantile((tail + 0.5) / 2 ** 32);
  return word < 0 ? -magnitude : magnitude;
}
