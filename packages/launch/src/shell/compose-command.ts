import { GantryError } from '@gantry/common';
import { run } from './processes.js';

/** Docker's compose: its plug-in, or the program of its own. @throws GantryError GANTRY_LAUNCH_FAILED where neither is there */
export async function composeCommand(): Promise<readonly string[]> {
  for (const argv of [['docker', 'compose'], ['docker-compose']]) {
    if ((await run({ argv: [...argv, 'version'] })).code === 0) return argv;
  }
  const message =
    'launcher docker needs docker compose: install the plug-in docker-compose-plugin, or the program docker-compose';
  throw new GantryError('GANTRY_LAUNCH_FAILED', message);
}
