import { normalFromWord, normalTable } from './normal-quantile.js';

/**
 * Counter-based random numbers: a value is a pure function of (seed, stream, step, sample, index), so it never depends on how
 * samples are split over shards and workers, nor on what was drawn before.
 *
 * The function is Threefry-4x32-20 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3"
 * (SC 2011): key = (seed low, seed high, stream, 0), counter = (index / 4, sample, step low, step high).
 * Why this one: docs/adr/0003-random-numbers.md.
 */

/** What random numbers are drawn for. The numbers are part of the format of runs: never change one, add new ones. */
export const STREAMS = {
  initialWeights: 1,
  shuffle: 2,
  discriminatorNoise: 3,
  generatorNoise: 4,
  pictures: 5,
  generate: 6,
  augment: 7,
} as const;

export type StreamName = keyof typeof STREAMS;

/** Names one row of random numbers. Mutable on purpose: a hot loop keeps one and changes `step` and `sample`. */
export interface RandomKey {
  /** Non-negative safe integer. */
  seed: number;
  /** One of {@link STREAMS}. */
  stream: number;
  /** Step, epoch or update: a non-negative safe integer. */
  step: number;
  /** Index of the sample within the step's global batch, the tensor within the network …: below 2^32. */
  sample: number;
}

/** Skein's key parity constant, low word (Threefry-4x32). */
const PARITY = 0x1bd11bda;
/** Words a block. */
const BLOCK = 4;
/** The last block drawn: a scratch, valid until the next draw. */
const block = new Int32Array(BLOCK);

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/**
 * Threefry-4x32 with 20 rounds into `block`: eight rounds with the key injected after four, twice, then four more. Local
 * variables and constant rotations keep it in registers: a loop over tables of rotations took half as long again.
 */
function drawBlock(
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  key0: number,
  key1: number,
  key2: number,
  key3: number,
): void {
  let k0 = key0;
  let k1 = key1;
  let k2 = key2;
  let k3 = key3;
  let k4 = PARITY ^ k0 ^ k1 ^ k2 ^ k3;
  let x0 = (c0 + k0) | 0;
  let x1 = (c1 + k1) | 0;
  let x2 = (c2 + k2) | 0;
  let x3 = (c3 + k3) | 0;
  for (let injection = 1; ; injection += 2) {
    x0 = (x0 + x1) | 0;
    x1 = rotate(x1, 10) ^ x0;
    x2 = (x2 + x3) | 0;
    x3 = rotate(x3, 26) ^ x2;
    x0 = (x0 + x3) | 0;
    x3 = rotate(x3, 11) ^ x0;
    x2 = (x2 + x1) | 0;
    x1 = rotate(x1, 21) ^ x2;
    x0 = (x0 + x1) | 0;
    x1 = rotate(x1, 13) ^ x0;
    x2 = (x2 + x3) | 0;
    x3 = rotate(x3, 27) ^ x2;
    x0 = (x0 + x3) | 0;
    x3 = rotate(x3, 23) ^ x0;
    x2 = (x2 + x1) | 0;
    x1 = rotate(x1, 5) ^ x2;
    x0 = (x0 + k1) | 0;
    x1 = (x1 + k2) | 0;
    x2 = (x2 + k3) | 0;
    x3 = (x3 + k4 + injection) | 0;
    if (injection === 5) break;
    x0 = (x0 + x1) | 0;
    x1 = rotate(x1, 6) ^ x0;
    x2 = (x2 + x3) | 0;
    x3 = rotate(x3, 20) ^ x2;
    x0 = (x0 + x3) | 0;
    x3 = rotate(x3, 17) ^ x0;
    x2 = (x2 + x1) | 0;
    x1 = rotate(x1, 11) ^ x2;
    x0 = (x0 + x1) | 0;
    x1 = rotate(x1, 25) ^ x0;
    x2 = (x2 + x3) | 0;
    x3 = rotate(x3, 10) ^ x2;
    x0 = (x0 + x3) | 0;
    x3 = rotate(x3, 18) ^ x0;
    x2 = (x2 + x1) | 0;
    x1 = rotate(x1, 20) ^ x2;
    x0 = (x0 + k2) | 0;
    x1 = (x1 + k3) | 0;
    x2 = (x2 + k4) | 0;
    x3 = (x3 + k0 + injection + 1) | 0;
    const first = k0;
    const second = k1;
    k0 = k2;
    k1 = k3;
    k2 = k4;
    k3 = first;
    k4 = second;
  }
  block[0] = x0;
  block[1] = x1;
  block[2] = x2;
  block[3] = x3;
}

/** High 32 bits of a safe integer. */
function high(value: number): number {
  return Math.floor(value / 2 ** 32) | 0;
}

function drawKeyed(index: number, key: RandomKey): void {
  drawBlock(index, key.sample | 0, key.step | 0, high(key.step), key.seed | 0, high(key.seed), key.stream, 0);
}

/**
 * The bare block function, for known-answer tests and keyed permutations: Threefry-4x32-20.
 * @param counter four 32-bit words @param key four 32-bit words @param out receives four words
 */
export function threefry(counter: ArrayLike<number>, key: ArrayLike<number>, out: Uint32Array): void {
  const [c0, c1, c2, c3] = [counter[0]! | 0, counter[1]! | 0, counter[2]! | 0, counter[3]! | 0];
  drawBlock(c0, c1, c2, c3, key[0]! | 0, key[1]! | 0, key[2]! | 0, key[3]! | 0);
  out.set(block);
}

/** Fills `out[offset … offset + count)` with uniform 32-bit words of the row that `key` names. Allocates nothing. */
export function fillWords(out: Uint32Array, offset: number, count: number, key: RandomKey): void {
  for (let i = 0; i < count; i++) {
    if (i % BLOCK === 0) drawKeyed(i / BLOCK, key);
    out[offset + i] = block[i % BLOCK]!;
  }
}

/** Fills `out[offset … offset + count)` with uniforms in [0, 1), multiples of 2^-24 (exact in fp32). Allocates nothing. */
export function fillUniform(out: Float32Array, offset: number, count: number, key: RandomKey): void {
  for (let i = 0; i < count; i++) {
    if (i % BLOCK === 0) drawKeyed(i / BLOCK, key);
    out[offset + i] = (block[i % BLOCK]! >>> 8) * 2 ** -24;
  }
}

/** Fills `out[offset … offset + count)` with standard normals of the row that `key` names. Allocates nothing. */
export function fillNormal(out: Float32Array, offset: number, count: number, key: RandomKey): void {
  const cubics = normalTable();
  const whole = count - (count % BLOCK);
  let i = 0;
  for (; i < whole; i += BLOCK) {
    drawKeyed(i / BLOCK, key);
    out[offset + i] = normalFromWord(cubics, block[0]!);
    out[offset + i + 1] = normalFromWord(cubics, block[1]!);
    out[offset + i + 2] = normalFromWord(cubics, block[2]!);
    out[offset + i + 3] = normalFromWord(cubics, block[3]!);
  }
  if (i === count) return;
  drawKeyed(i / BLOCK, key);
  for (let j = 0; i < count; i++, j++) out[offset + i] = normalFromWord(cubics, block[j]!);
}

/**
 * Fills `samples` rows of `width` normals, sample indices `key.sample`, `key.sample` + 1 …: a shard's noise [B/S, width] in
 * one call. Row r is what {@link fillNormal} gives for that sample. Restores `key.sample`. Allocates nothing.
 */
export function fillNormalRows(
  out: Float32Array,
  offset: number,
  samples: number,
  width: number,
  key: RandomKey,
): void {
  const first = key.sample;
  for (let row = 0; row < samples; row++) {
    key.sample = first + row;
    fillNormal(out, offset + row * width, width, key);
  }
  key.sample = first;
}
