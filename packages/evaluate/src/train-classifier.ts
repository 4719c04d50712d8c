import { GantryError, layoutViews } from '@gantry/common';
import { type DataSource, ShardLoader } from '@gantry/data';
import type { BoundExecutable, Engine } from '@gantry/engine';
import { adamScalars, createUpdateProgram } from '@gantry/gan';
import { type Classifier, createClassifier } from './classifier.js';
import { ADAM, BATCH, CLASSIFIER_VERSION, STEPS } from './constants.js';
import { type ClassifierShape, classifierGradientsProgram, classifierLayout, initialWeights } from './network.js';
import { cachedWeights, weightsKey } from './weights-cache.js';

export interface TrainClassifierOptions {
  /** Labelled images to learn from. */
  readonly source: DataSource;
  /** Labelled images that accuracy is measured on. */
  readonly testSource: DataSource;
  readonly engine: Engine;
  /** @default 0 */
  readonly seed?: number;
  /** Batches of 128. @default 1400 */
  readonly steps?: number;
  /** Called now and then with the loss of the last batch. */
  readonly onProgress?: (progress: { step: number; steps: number; loss: number }) => void;
  /** Folder that trained weights are kept in and taken from. @default null: train every time */
  readonly cacheDirectory?: string | null;
}

/** Steps between two calls of `onProgress`. */
const PROGRESS_STEPS = 50;

/**
 * Trains the judge of generated images: a perceptron of 256 and 128 ReLU units, Adam with a rate that falls linearly to zero. On MNIST it
 * takes a few seconds of one core and gets about 98 % of the test images right. The same options give the same weights on
 * the same kind of device.
 * @throws GantryError GANTRY_DATASET_INVALID if the images have no labels, or the two sources do not fit together
 *
 * @example
 * const judge = await trainClassifier({ source, testSource, engine });
 * const { classShare, meanConfidence } = await judgeSamples(judge, images);
 */
export async function trainClassifier(options: TrainClassifierOptions): Promise<Classifier> {
  const { source, testSource, engine, cacheDirectory = null } = options;
  const shape = classifierShape(source, testSource);
  const train = () => trainWeights(shape, options);
  const weights =
    cacheDirectory === null ? await train() : await cachedWeights(cacheKey(options), cacheDirectory, train);
  return createClassifier(engine, { shape, weights, testSource });
}

function cacheKey({ source, engine, seed = 0, steps = STEPS }: TrainClassifierOptions): string {
  return weightsKey([CLASSIFIER_VERSION, source.manifest().sha256, engine.device.label, seed, steps]);
}

function classifierShape(source: DataSource, testSource: DataSource): ClassifierShape {
  for (const { id, labels } of [source, testSource]) {
    if (labels === null)
      throw new GantryError('GANTRY_DATASET_INVALID', `${id} has no labels to train a classifier on`);
  }
  if (source.sampleShape.join() !== testSource.sampleShape.join() || testSource.classes > source.classes) {
    const message = `${source.id} and ${testSource.id} have other shapes or classes`;
    throw new GantryError('GANTRY_DATASET_INVALID', message);
  }
  const [height, width, channels] = source.sampleShape;
  return { pixels: height * width * channels, classes: source.classes };
}

/** What a step reads and writes. */
interface TrainingState {
  readonly weights: Float32Array;
  readonly images: Float32Array;
  readonly targets: Float32Array;
  readonly rate: Float32Array;
  readonly epsilon: Float32Array;
  readonly loss: Float32Array;
  readonly gradients: BoundExecutable;
  readonly update: BoundExecutable;
  dispose(): void;
}

async function trainWeights(shape: ClassifierShape, options: TrainClassifierOptions): Promise<Float32Array> {
  const { source, engine, seed = 0, steps = STEPS, onProgress } = options;
  const loader = new ShardLoader({ source, seed, batch: BATCH, shards: 1 });
  const state = await prepareTraining(engine, shape, seed);
  try {
    for (let step = 0; step < steps; step++) {
      loader.fill(step, 0, state.images);
      fillTargets(state.targets, shape.classes, (i) => source.labels![loader.sampleIndex(step, 0, i)]!);
      await trainStep(state, step, steps);
      if ((step + 1) % PROGRESS_STEPS === 0) onProgress?.({ step: step + 1, steps, loss: state.loss[0]! });
    }
  } finally {
    state.dispose();
  }
  return state.weights;
}

async function trainStep(state: TrainingState, step: number, steps: number): Promise<void> {
  const learningRate = ADAM.learningRate * (1 - step / steps);
  const { rate, epsilon } = adamScalars({ ...ADAM, learningRate }, 1, step + 1);
  state.rate[0] = rate;
  state.epsilon[0] = epsilon;
  await state.gradients.run();
  await state.update.run();
}

/** One-hot rows [b, k]. */
function fillTargets(targets: Float32Array, classes: number, labelOf: (i: number) => number): void {
  targets.fill(0);
  for (let i = 0; i * classes < targets.length; i++) targets[i * classes + labelOf(i)] = 1;
}

async function prepareTraining(engine: Engine, shape: ClassifierShape, seed: number): Promise<TrainingState> {
  const layout = classifierLayout(shape);
  const { length } = layout;
  const weights = initialWeights(layout, seed);
  const gradient = new Float32Array(length);
  const arrays = {
    images: new Float32Array(BATCH * shape.pixels),
    targets: new Float32Array(BATCH * shape.classes),
    rate: new Float32Array(1),
    epsilon: new Float32Array(1),
    loss: new Float32Array(1),
  };
  const moments = { firstMoment: new Float32Array(length), secondMoment: new Float32Array(length) };
  const gradients = await engine.compile(classifierGradientsProgram(shape, BATCH));
  // A classifier has no second network; the name only labels the program.
  const update = await engine.compile(
    createUpdateProgram({ network: 'discriminator', length, partials: 1, adam: ADAM, hasEma: false }),
  );
  const { images, targets, rate, epsilon, loss } = arrays;
  return {
    ...arrays,
    weights,
    gradients: gradients.bind(
      { ...layoutViews(layout, weights), images, targets },
      { ...layoutViews(layout, gradient, 'gradients/'), loss },
    ),
    // Element-wise, so the outputs may lie where the inputs are.
    update: update.bind(
      { params: weights, ...moments, 'partials/0': gradient, rate, epsilon },
      { params: weights, ...moments },
    ),
    dispose() {
      gradients.dispose();
      update.dispose();
    },
  };
}
