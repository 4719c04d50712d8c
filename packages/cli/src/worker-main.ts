import { parseArgs } from 'node:util';
import { runWorker } from '@gantry/worker';
import { printError } from './print-error.js';

/** The worker that a coordinator starts: the same as `gantry worker`, without what only people need. */
try {
  const { values } = parseArgs({
    options: {
      join: { type: 'string' },
      worker: { type: 'string' },
      'host-id': { type: 'string' },
      hub: { type: 'boolean' },
      'launch-token': { type: 'string' },
    },
  });
  const { join = '', worker, hub = false, 'host-id': host, 'launch-token': launchToken } = values;
  process.exitCode = await runWorker({
    join,
    hub,
    ...(worker === undefined ? {} : { worker }),
    ...(host === undefined ? {} : { host }),
    ...(launchToken === undefined ? {} : { launchToken }),
  });
} catch (error) {
  process.exitCode = printError(error, { json: false });
}
