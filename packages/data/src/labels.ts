import { invalidFile } from './data-file.js';
import type { IdxArray } from './idx.js';

/** With this many samples a class on average, no class of honest labels is empty. */
const SAMPLES_A_CLASS_SURE = 20;

/** How often each label occurs [256]. */
function countLabels(labels: Uint8Array): Uint32Array {
  const counts = new Uint32Array(256);
  for (let i = 0; i < labels.length; i++) counts[labels[i]!]!++;
  return counts;
}

/**
 * Checks labels of a data set whose classes are known.
 * @throws GantryError GANTRY_DATASET_INVALID naming file, offset of the first wrong label, expected and found
 */
export function checkLabels(labels: IdxArray, count: number, classes: number): void {
  const found = labels.shape[0]!;
  if (found !== count) throw invalidFile(labels.path, 4, `${count} labels, one for each image`, `${found}`);
  const counts = countLabels(labels.data);
  for (let label = classes; label < 256; label++) {
    if (counts[label]! > 0) throw strayLabel(labels, classes);
  }
}

function strayLabel(labels: IdxArray, classes: number) {
  const index = labels.data.findIndex((label) => label >= classes);
  return invalidFile(
    labels.path,
    labels.headerBytes + index * (labels.itemBytes ?? 1),
    `a label below ${classes}`,
    `${labels.data[index]}`,
  );
}

/**
 * The number of classes of labels that come without one: one more than the largest label. Up to ten classes some may be missing
 * (a subset of the digits); above that, empty classes which labels of that many classes would hardly leave say that the labels
 * above the widest gap are mistakes.
 * @throws GantryError GANTRY_DATASET_INVALID naming the first such label
 */
export function inferClasses(labels: IdxArray): number {
  const counts = countLabels(labels.data);
  const largest = counts.findLastIndex((n) => n > 0);
  const gap = widestGap(counts, largest);
  const distinct = counts.reduce((sum, n) => sum + (n > 0 ? 1 : 0), 0);
  const improbable = labels.data.length >= SAMPLES_A_CLASS_SURE * (largest + 1) || largest >= 3 * distinct + 16;
  if (largest >= 10 && gap > 0 && improbable) throw strayLabel(labels, gap);
  return largest + 1;
}

/** First label of the longest run of classes without a sample, between classes with samples; 0 if there is none. */
function widestGap(counts: Uint32Array, largest: number): number {
  let [widest, start, last] = [0, 0, largest];
  for (let label = largest; label >= 0; label--) {
    if (counts[label] === 0) continue;
    if (last - label - 1 > widest) [widest, start] = [last - label - 1, label + 1];
    last = label;
  }
  return start;
}
