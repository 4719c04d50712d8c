import { existsSync } from 'node:fs';
import { GantryError, type RunConfig } from '@gantry/common';
import { prepareDataset } from '@gantry/data';
import { createConversionProgress } from './reporters/conversion-progress.js';

/**
 * What the workers of this machine will read is there: said before a process is started or a folder is made. A folder of images
 * is converted here, once for all of them; everything else is opened by the workers, who check the contents.
 *
 * @param note shows a line
 * @throws GantryError GANTRY_MODEL_NOT_FOUND, and as `prepareDataset` does
 */
export async function checkInputs({ dataset, model }: RunConfig, note: (line: string) => void): Promise<void> {
  if (model !== null && !existsSync(model)) {
    throw new GantryError('GANTRY_MODEL_NOT_FOUND', `there is no model file ${model}; --model takes its path`, {
      details: { model },
    });
  }
  await prepareDataset(dataset, { onProgress: createConversionProgress(note) });
}
