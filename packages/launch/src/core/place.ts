/** Where a worker is, by what a launcher or a scheduler put into its environment. */
export interface Place {
  /** The coordinator's endpoint. */
  readonly join?: string;
  readonly worker?: string;
  readonly host?: string;
  /** Address at which other workers reach this one. */
  readonly dataHost?: string;
  /** Key file of the worker. */
  readonly keys?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads it: Gantry's own variables first, then those of Slurm and of Kubernetes' indexed jobs. Which device a worker takes is
 * none of it: CUDA_VISIBLE_DEVICES, which schedulers set, is the runtime's own.
 *
 * GANTRY_KEYS may name a folder with a key for each worker: then it is the one of its name.
 *
 * @param isFolder Whether a path is one.
 */
export function placeOf(env: Environment, isFolder: (path: string) => boolean): Place {
  const worker = nameOf(env);
  const keys = env.GANTRY_KEYS;
  const ownKey = keys !== undefined && keys !== '' && worker !== undefined && isFolder(keys);
  return {
    ...given('join', env.GANTRY_JOIN ?? besideSrun(env)),
    ...given('worker', worker),
    ...given('host', env.GANTRY_HOST_ID ?? env.SLURMD_NODENAME),
    ...given('dataHost', env.GANTRY_DATA_HOST),
    ...(ownKey ? { keys: `${keys}/${worker}.key` } : {}),
  };
}

function nameOf(env: Environment): string | undefined {
  if (env.GANTRY_WORKER) return env.GANTRY_WORKER;
  const index = env.GANTRY_WORKER_INDEX ?? env.JOB_COMPLETION_INDEX;
  return index !== undefined && /^\d{1,6}$/.test(index) ? `worker-${index}` : undefined;
}

/** The coordinator of a Slurm job runs on the node that srun is called on, at a port that the job's script chose. */
function besideSrun({ SLURM_LAUNCH_NODE_IPADDR: address, GANTRY_PORT: port }: Environment): string | undefined {
  if (!address || !port) return undefined;
  return `tcp://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

function given<K extends keyof Place>(key: K, value: string | undefined): Pick<Place, K> | object {
  return value === undefined || value === '' ? {} : { [key]: value };
}
