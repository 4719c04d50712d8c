import { existsSync } from 'node:fs';
import { GantryError, type RunConfig } from '@gantry/common';
import { checkDataset } from '@gantry/data';

/**
 * What the workers of this machine will read is there: said before a process is started or a folder is made. Nothing is opened
 * here; the workers check the contents.
 *
 * @throws GantryError GANTRY_DATASET_NOT_FOUND, GANTRY_MODEL_NOT_FOUND
 */
export function checkInputs({ dataset, model }: RunConfig): void {
  if (model !== null && !existsSync(model)) {
    throw new GantryError('GANTRY_MODEL_NOT_FOUND', `there is no model file ${model}; --model takes its path`, {
      details: { model },
    });
  }
  checkDataset(dataset);
}
