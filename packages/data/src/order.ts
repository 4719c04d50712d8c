import { assert, fillWords, type RandomKey, STREAMS } from '@gantry/common';

/**
 * The order of samples within an epoch: a Feistel network keyed by (seed, epoch) permutes the smallest power of two that holds
 * all indices; results beyond `count` are permuted again until they fall inside (cycle walking: Black and Rogaway, "Ciphers
 * with arbitrary finite domains", CT-RSA 2002). Any worker finds the sample at any position without any state.
 */

/** Four rounds give a pseudo-random permutation (Luby and Rackoff 1988) for ideal round functions; ours are cheap hashes. */
const ROUNDS = 8;
/** A domain this small would leave too few permutations to differ from epoch to epoch. */
const DOMAIN_BITS_MIN = 4;
const COUNT_MAX = 2 ** 31 - 1;

/** The permutations of all epochs of one data set under one seed. Keeps only the round keys of the last epoch asked for. */
export class EpochOrder {
  readonly count: number;
  readonly #key: RandomKey;
  readonly #roundKeys = new Uint32Array(ROUNDS);
  readonly #lowBits: number;
  readonly #highBits: number;
  #epoch = -1;

  constructor(seed: number, count: number) {
    assert(Number.isInteger(count) && count > 0 && count <= COUNT_MAX, `an order over ${count} samples`);
    this.count = count;
    this.#key = { seed, stream: STREAMS.shuffle, step: 0, sample: 0 };
    const bits = Math.max(DOMAIN_BITS_MIN, 32 - Math.clz32(count - 1));
    this.#lowBits = bits >>> 1;
    this.#highBits = bits - this.#lowBits;
  }

  /** Index of the sample at `position` (0 … count−1) of `epoch`. Allocates nothing within an epoch. */
  at(epoch: number, position: number): number {
    if (epoch !== this.#epoch) this.#setEpoch(epoch);
    let index = position;
    do index = this.#permute(index);
    while (index >= this.count);
    return index;
  }

  #setEpoch(epoch: number): void {
    this.#key.step = epoch;
    fillWords(this.#roundKeys, 0, ROUNDS, this.#key);
    this.#epoch = epoch;
  }

  /** One pass through the network; the halves' widths alternate where the domain has an odd number of bits. */
  #permute(index: number): number {
    let rightBits = this.#lowBits;
    let leftBits = this.#highBits;
    let right = index & ((1 << rightBits) - 1);
    let left = index >>> rightBits;
    for (let round = 0; round < ROUNDS; round++) {
      const mixed = (left ^ mix(right, this.#roundKeys[round]!)) & ((1 << leftBits) - 1);
      left = right;
      right = mixed;
      const bits = leftBits;
      leftBits = rightBits;
      rightBits = bits;
    }
    return (left << rightBits) | right;
  }
}

/** The finalizer of MurmurHash3 with a key before it. */
function mix(value: number, key: number): number {
  let h = (value + key) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/**
 * Index of the sample at `position` of `epoch`: the pure function that {@link EpochOrder} computes faster.
 * @param position 0 … count−1
 */
export function sampleAt(seed: number, epoch: number, position: number, count: number): number {
  return new EpochOrder(seed, count).at(epoch, position);
}
