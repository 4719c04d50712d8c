import { GantryError } from '@gantry/common';

/** For sources that are one set. */
export function noTestSplit(path: string, kind: string): GantryError {
  const message = `${path} is one data set and has no test split; give the test samples as a data set of their own (${kind}:PATH)`;
  return new GantryError('GANTRY_DATASET_NOT_FOUND', message, { details: { file: path } });
}
