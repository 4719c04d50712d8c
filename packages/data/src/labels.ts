import { type IdxArray, invalidFile } from './idx.js';

/** With this many samples a class on average, a class without any is taken for a mistake. */
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
  return invalidFile(labels.path, labels.headerBytes + index, `a label below ${classes}`, `${labels.data[index]}`);
}

/**
 * The number of classes of labels that come without one: one more than the largest label, unless there is a gap below it
 * that labels of that many classes would hardly leave – then the labels above the gap are mistakes.
 */
export function inferClasses(labels: IdxArray): number {
  const counts = countLabels(labels.data);
  const largest = counts.findLastIndex((n) => n > 0);
  const smallest = counts.findIndex((n) => n > 0);
  let distinct = 0;
  for (const n of counts) if (n > 0) distinct++;
  const gap = counts.findIndex((n, label) => label > smallest && label < largest && n === 0);
  const improbable = labels.data.length >= SAMPLES_A_CLASS_SURE * (largest + 1) || largest >= 3 * distinct + 16;
  if (gap > 9 && improbable) throw strayLabel(labels, gap);
  return largest + 1;
}
