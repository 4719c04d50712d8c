import { parseArgs } from 'node:util';

// A terminal sends Ctrl-C to the whole group. The coordinator decides what follows; a worker that is still loading must not
// die of it.
process.on('SIGINT', () => {});

/** The worker that a coordinator starts: the same as `gantry worker`, without what only people need. */
const { values } = parseArgs({
  options: {
    join: { type: 'string' },
    worker: { type: 'string' },
    'host-id': { type: 'string' },
    hub: { type: 'boolean' },
  },
});
const { join = '', worker, hub = false, 'host-id': host } = values;
try {
  const { runWorker } = await import('@gantry/worker');
  process.exitCode = await runWorker({
    join,
    hub,
    ...(worker === undefined ? {} : { worker }),
    ...(host === undefined ? {} : { host }),
  });
} catch (error) {
  const { printError } = await import('./print-error.js');
  process.exitCode = printError(error, { json: false });
}
