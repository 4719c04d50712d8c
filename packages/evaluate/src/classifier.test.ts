import { layoutViews } from '@gantry/common';
import { createMemorySource } from '@gantry/data';
import { createEngine } from '@gantry/engine';
import { expect, it } from 'vitest';
import { createClassifier } from './classifier.js';
import { classifierLayout } from './network.js';

it('measures its accuracy also on test images that show fewer classes than it knows', async () => {
  const engine = await createEngine({ engine: 'onnx', device: 'cpu', threads: 1 });
  const shape = { pixels: 4, classes: 3 };
  const layout = classifierLayout(shape);
  const weights = new Float32Array(layout.length);
  // Says class 0 of everything.
  layoutViews(layout, weights).b3!.set([1, 0, 0]);
  const labels = Uint8Array.of(0, 0, 0, 1);
  const pixels = new Uint8Array(16);
  const testSource = createMemorySource({ id: 'two', sampleShape: [2, 2, 1], classes: 2, labels, pixels });
  const classifier = await createClassifier(engine, { shape, weights, testSource });
  expect(classifier.accuracy).toBe(0.75);
  classifier.dispose();
  await engine.dispose();
});
