import os from 'node:os';
import { createLogger, StopRequests } from '@gantry/common';
import { parseKeyFile, readWorkerKeys, type WorkerKeys } from '@gantry/common/keys';
import {
  checkEndpoint,
  checkWorkerName,
  hostId,
  readEnvironment,
  type WorkerEnvironment,
  type WorkerOptions,
} from '../core/worker-options.js';
import { dieWithParent } from './parent-death.js';

/**
 * Joins a coordinator and works for it until the run is over.
 *
 * SIGTERM makes it leave; SIGINT does so too where a person started it, while a child of `gantry train` ignores it, because a
 * terminal sends it to the whole group and the coordinator decides.
 *
 * @returns the process's exit code: 0 when the run ended well, 0 or GANTRY_LEFT_EXIT_CODE when it was asked to leave, 1 otherwise
 * @throws GantryError GANTRY_USAGE, GANTRY_BIND_REFUSED for an endpoint that is none, or off the loopback without keys;
 * GANTRY_KEYS_INVALID
 * @example process.exitCode = await runWorker({ join: 'tcp://127.0.0.1:7070' });
 */
export async function runWorker(options: WorkerOptions): Promise<number> {
  const environment = readEnvironment(process.env);
  const keys = keysOf(options, environment);
  checkEndpoint(options.join, { insecure: options.insecure ?? false, keyed: keys !== null });
  const launchToken = options.launchToken ?? environment.launchToken;
  // Before anything heavy is loaded: until the control thread watches the parent, only the kernel does.
  if (environment.parentPid !== null && !dieWithParent(environment.parentPid)) return 1;
  const { WorkerProcess } = await import('./worker-process.js');
  const worker = new WorkerProcess({
    endpoint: options.join,
    hello: {
      worker: checkWorkerName(options.worker ?? ''),
      host: hostId(options.host ?? os.hostname()),
      pid: process.pid,
      cores: os.availableParallelism(),
      launchToken,
      hub: options.hub ?? false,
      formerSession: '',
    },
    environment,
    keys,
    dataHost: options.dataHost,
    insecure: options.insecure ?? false,
    logger: createLogger({ fields: { name: options.worker ?? 'worker' } }),
  });
  const requests = new StopRequests();
  let left = false;
  const leave = (): void => {
    left = true;
    if (requests.count(performance.now()) !== 'same') worker.terminate();
  };
  const onInterrupt = launchToken === '' ? leave : (): void => {};
  process.on('SIGTERM', leave);
  process.on('SIGINT', onInterrupt);
  try {
    const code = await worker.run();
    return code === 0 && left ? environment.leftExitCode : code;
  } finally {
    process.off('SIGTERM', leave);
    process.off('SIGINT', onInterrupt);
  }
}

/** Its own key, or the one that the coordinator whose child it is made for it; null: nothing is encrypted. */
function keysOf(options: WorkerOptions, environment: WorkerEnvironment): WorkerKeys | null {
  if (options.keys === undefined && environment.launchKey !== '') {
    return parseKeyFile('GANTRY_LAUNCH_KEY', environment.launchKey, 'worker');
  }
  const file = options.keys ?? environment.keys;
  return file === '' ? null : readWorkerKeys(file);
}
