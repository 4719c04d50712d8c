import { GantryError, layoutViews } from '@gantry/common';
import { type DataSource, readFloats } from '@gantry/data';
import type { BoundExecutable, Engine, Executable } from '@gantry/engine';
import { FEATURES, FORWARD_BATCH } from './constants.js';
import { type ClassifierShape, classifierForwardProgram, classifierLayout } from './network.js';

/** What the classifier says of N images. */
export interface Classified {
  /** [N, classes], rows sum to 1. */
  readonly probabilities: Float32Array;
  /** [N, 128], of the last hidden layer. */
  readonly features: Float32Array;
}

/** A trained judge of images. */
export interface Classifier {
  /** Pixels of an image, channels included. */
  readonly pixels: number;
  readonly classes: number;
  /** Share of the test images that it gets right, 0…1. */
  readonly accuracy: number;
  /**
   * @param images [N, pixels], values in 0…1
   * @throws GantryError GANTRY_USAGE if that is not a whole number of images
   */
  classify(images: Float32Array): Promise<Classified>;
  /** [N, pixels] → [N, classes]. */
  probabilities(images: Float32Array): Promise<Float32Array>;
  /** [N, pixels] → [N, 128]. */
  features(images: Float32Array): Promise<Float32Array>;
  dispose(): void;
}

/** Runs a classifier's forward pass over any number of images, in batches of fixed shape. */
class ForwardPass {
  readonly #shape: ClassifierShape;
  readonly #images: Float32Array;
  readonly #probabilities: Float32Array;
  readonly #features = new Float32Array(FORWARD_BATCH * FEATURES);
  readonly #executable: Executable;
  readonly #bound: BoundExecutable;

  constructor(shape: ClassifierShape, weights: Float32Array, executable: Executable) {
    this.#shape = shape;
    this.#images = new Float32Array(FORWARD_BATCH * shape.pixels);
    this.#probabilities = new Float32Array(FORWARD_BATCH * shape.classes);
    this.#executable = executable;
    this.#bound = executable.bind(
      { ...layoutViews(classifierLayout(shape), weights), images: this.#images },
      { probabilities: this.#probabilities, features: this.#features },
    );
  }

  async classify(images: Float32Array): Promise<Classified> {
    const { pixels, classes } = this.#shape;
    const count = countImages(images, pixels);
    const probabilities = new Float32Array(count * classes);
    const features = new Float32Array(count * FEATURES);
    for (let first = 0; first < count; first += FORWARD_BATCH) {
      const rows = Math.min(FORWARD_BATCH, count - first);
      this.#images.set(images.subarray(first * pixels, (first + rows) * pixels));
      await this.#bound.run();
      probabilities.set(this.#probabilities.subarray(0, rows * classes), first * classes);
      features.set(this.#features.subarray(0, rows * FEATURES), first * FEATURES);
    }
    return { probabilities, features };
  }

  dispose(): void {
    this.#executable.dispose();
  }
}

function countImages(images: Float32Array, pixels: number): number {
  const count = images.length / pixels;
  if (Number.isInteger(count)) return count;
  throw new GantryError('GANTRY_USAGE', `${images.length} values are not whole images of ${pixels}`);
}

/** Makes a classifier of trained weights and measures its accuracy. The weights must not change any more. */
export async function createClassifier(
  engine: Engine,
  options: { shape: ClassifierShape; weights: Float32Array; testSource: DataSource },
): Promise<Classifier> {
  const { shape, weights, testSource } = options;
  const executable = await engine.compile(classifierForwardProgram(shape, FORWARD_BATCH));
  const pass = new ForwardPass(shape, weights, executable);
  return {
    ...shape,
    accuracy: await measureAccuracy(pass, testSource),
    classify: (images) => pass.classify(images),
    probabilities: async (images) => (await pass.classify(images)).probabilities,
    features: async (images) => (await pass.classify(images)).features,
    dispose: () => pass.dispose(),
  };
}

async function measureAccuracy(pass: ForwardPass, source: DataSource): Promise<number> {
  const { probabilities } = await pass.classify(readFloats(source, 0, source.count));
  // The classifier's own classes: the test images may show fewer of them.
  const classes = probabilities.length / source.count;
  let right = 0;
  for (let i = 0; i < source.count; i++) {
    if (largestIndex(probabilities, i * classes, classes) === source.labels![i]) right++;
  }
  return right / source.count;
}

/** Position, from 0, of the largest of `length` values from `from` on. */
export function largestIndex(values: Float32Array, from: number, length: number): number {
  let best = 0;
  for (let j = 1; j < length; j++) if (values[from + j]! > values[from + best]!) best = j;
  return best;
}
