import { type Classifier, largestIndex } from './classifier.js';
import { FEATURES } from './constants.js';
import { type FeatureStatistics, featureStatistics, frechetDistance } from './frechet.js';

/** How a set of generated images looks to a classifier. */
export interface Judgement {
  readonly count: number;
  /** Share of the images taken for each class [classes]; sums to 1. */
  readonly classShare: readonly number[];
  /** Share of the rarest class: near 0 when the generator has collapsed. */
  readonly smallestShare: number;
  /** Mean over the images of the probability of the class they are taken for, 0…1. */
  readonly meanConfidence: number;
  /** Fréchet distance of the features to those of `reference`; null without one. Lower is better. */
  readonly frechetDistance: number | null;
}

/**
 * Judges images by a classifier of real ones.
 * @param images [N, pixels], values in 0…1, N > 0
 * @param reference statistics of the features of real images, from {@link featureStatistics}
 */
export async function judgeSamples(
  classifier: Classifier,
  images: Float32Array,
  reference: FeatureStatistics | null = null,
): Promise<Judgement> {
  const { classes } = classifier;
  const { probabilities, features } = await classifier.classify(images);
  const count = images.length / classifier.pixels;
  const classShare = new Array<number>(classes).fill(0);
  let confidence = 0;
  for (let i = 0; i < count; i++) {
    const best = largestIndex(probabilities, i * classes, classes);
    classShare[best]! += 1 / count;
    confidence += probabilities[i * classes + best]!;
  }
  return {
    count,
    classShare,
    smallestShare: Math.min(...classShare),
    meanConfidence: confidence / count,
    frechetDistance: reference && frechetDistance(featureStatistics(features, FEATURES), reference),
  };
}
