import { fillWords, NETWORKS, type NetworkName, STREAMS } from '@gantry/common';

/**
 * Runs `fn` while `Math.random` is a pure function of (seed, network, number of the draw), and puts it back after.
 *
 * TensorFlow.js's initializers seed their own generators from `Math.random`, so this makes every initializer that a user
 * may have chosen reproducible, without asking for a `seed` in each layer.
 */
export function withSeededRandom<T>(seed: number, network: NetworkName, fn: () => T): T {
  const original = Math.random;
  const words = new Uint32Array(2);
  const key = { seed, stream: STREAMS.initialWeights, step: 0, sample: NETWORKS.indexOf(network) };
  Math.random = () => {
    fillWords(words, 0, 2, key);
    key.step += 1;
    // 53 random bits, as Math.random has.
    return ((words[0]! >>> 5) * 2 ** 26 + (words[1]! >>> 6)) * 2 ** -53;
  };
  try {
    return fn();
  } finally {
    Math.random = original;
  }
}
