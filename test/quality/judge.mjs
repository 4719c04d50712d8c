// What the quality run and test/integration/learns.test.ts share: samples of a run by the command line, and a judge of them.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMemorySource, openDataset, readFloats, readIdx } from '@gantry/data';
import { createEngine } from '@gantry/engine';
import { FEATURES, featureStatistics, judgeSamples, trainClassifier } from '@gantry/evaluate';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const GANTRY = join(ROOT, 'packages', 'cli', 'bin', 'gantry.js');
/** Every fifth test image is judged as a peer of the samples, the other four are the reference: MNIST's halves differ. */
const HELD_OUT_EVERY = 5;

/** Runs a `gantry` command to its end, with its messages on this process's stderr. */
export function runGantry(args, { quiet = false } = {}) {
  const stdio = ['ignore', quiet ? 'pipe' : process.stderr, quiet ? 'pipe' : process.stderr];
  const { status, stderr, error } = spawnSync(process.execPath, [GANTRY, ...args], { cwd: ROOT, stdio });
  if (error) throw error;
  if (status !== 0) throw new Error(`gantry ${args.join(' ')} ended with ${status}${quiet ? `:\n${stderr}` : ''}`);
}

/**
 * Writes `count` samples of a run's newest checkpoint, from the EMA where the run kept one, and reads them.
 *
 * @param {string} runDirectory
 * @param {{ count: number, to: string, seed?: number }} options
 * @returns {Uint8Array} [count, 28, 28]
 */
export function generateSamples(runDirectory, { count, to, seed = 0 }) {
  const numbers = ['--count', String(count), '--seed', String(seed)];
  runGantry(['generate', '--out', runDirectory, ...numbers, '--format', 'idx', '--to', to], { quiet: true });
  return readIdx(to, [3]).data;
}

/** Images [N, 28, 28] of bytes as floats in 0…1 [N, 784]. */
function toImages(bytes) {
  return Float32Array.from(bytes, (byte) => byte / 255);
}

/** The sources of real images: what the judge learns from, what distances are measured to, and what stands beside the samples. */
async function openRealImages() {
  const source = await openDataset('mnist');
  const testSource = await openDataset('mnist', { split: 'test' });
  const isHeldOut = (index) => index % HELD_OUT_EVERY === 0;
  return {
    source,
    testSource,
    heldOut: subset(testSource, 'held out', isHeldOut),
    reference: subset(testSource, 'reference', (index) => !isHeldOut(index)),
  };
}

function subset(source, id, wants) {
  const indices = Array.from({ length: source.count }, (_, index) => index).filter(wants);
  const { sampleShape, classes } = source;
  const size = sampleShape.reduce((product, dimension) => product * dimension, 1);
  const pixels = new Uint8Array(indices.length * size);
  indices.forEach((index, i) => {
    source.read(index, pixels, i * size);
  });
  return createMemorySource({ id, sampleShape, classes, labels: null, pixels });
}

/**
 * A classifier of real MNIST digits. Distances are to the 8,000 test images that are not among those of `real()`.
 *
 * @typedef {object} Judge
 * @property {number} accuracy share of the test images that the classifier gets right
 * @property {(bytes: Uint8Array) => Promise<import('@gantry/evaluate').Judgement>} judge of samples, uint8 [N, 28, 28]
 * @property {() => Promise<import('@gantry/evaluate').Judgement>} real of 2,000 test images, in the same way
 * @property {() => Promise<void>} dispose
 *
 * @param {{ cacheDirectory?: string | null }} options
 * @returns {Promise<Judge>}
 */
export async function openJudge({ cacheDirectory = null } = {}) {
  const engine = await createEngine({ engine: 'onnx', device: 'cpu', threads: 1 });
  const { source, testSource, heldOut, reference } = await openRealImages();
  const classifier = await trainClassifier({ source, testSource, engine, cacheDirectory });
  const features = await classifier.features(readFloats(reference, 0, reference.count));
  const statistics = featureStatistics(features, FEATURES);
  return {
    accuracy: classifier.accuracy,
    judge: (bytes) => judgeSamples(classifier, toImages(bytes), statistics),
    real: () => judgeSamples(classifier, readFloats(heldOut, 0, heldOut.count), statistics),
    async dispose() {
      classifier.dispose();
      await engine.dispose();
    },
  };
}
