import { fileURLToPath } from 'node:url';

/**
 * How a coordinator starts a worker on this machine. An entry of its own, because `gantry worker` loads yargs, and start-up
 * time counts for each worker.
 */
export function workerCommand(): readonly string[] {
  return [process.execPath, fileURLToPath(new URL('worker-main.js', import.meta.url))];
}

/** How a launcher calls this Gantry on this machine. */
export function launchCommand(): readonly string[] {
  return [process.execPath, fileURLToPath(new URL('../bin/gantry.js', import.meta.url))];
}
