import { GantryError } from '@gantry/common';

/** How a worker is started. */
export interface WorkerOptions {
  /** The coordinator's endpoint, `tcp://HOST:PORT`. */
  readonly join: string;
  /** Name to propose. @default the coordinator gives one */
  readonly worker?: string;
  /** Workers of one host share memory. @default the machine's name */
  readonly host?: string;
  /** A member that reduces and updates, and computes no gradients (topology star). @default false */
  readonly hub?: boolean;
  /** Proves to `gantry train` that this is its own child. @default GANTRY_LAUNCH_TOKEN */
  readonly launchToken?: string;
  /** Key file of this worker, from `gantry keygen`: the link is encrypted, and ends at that coordinator alone. @default GANTRY_KEYS */
  readonly keys?: string;
  /** tcp: address of this machine at which the other workers reach it. @default the one it reaches the coordinator from */
  readonly dataHost?: string;
  /** Join a coordinator that is not on the loopback without keys. @default false */
  readonly insecure?: boolean;
}

/** What the process that starts a local worker tells it by environment, so that it is in no list of processes. */
export interface WorkerEnvironment {
  readonly launchToken: string;
  /** Text of the key file that a coordinator made for this child of it; empty: it needs none. */
  readonly launchKey: string;
  /** Path of a key file; empty: none. */
  readonly keys: string;
  /** Descriptor of a pipe that ends with the parent; null: none. */
  readonly parentFd: number | null;
  /** Linux kills this process when that one ends; null: not asked for. */
  readonly parentPid: number | null;
  /** Where to leave the flight recorder when something goes wrong; empty: nowhere but in the log. */
  readonly flightFile: string;
  readonly fault: string | undefined;
  /** Empty: `local` for a child of the coordinator, which is on its machine, `auto` for others. */
  readonly data: DataMode | '';
  /** For chunks of the data set that come from the coordinator, in MiB; null: the default. */
  readonly dataMemoryMiB: number | null;
}

/** Where the data set is read: see openData. */
export type DataMode = 'auto' | 'local' | 'stream';
const DATA_MODES: readonly DataMode[] = ['auto', 'local', 'stream'];

/** @throws GantryError GANTRY_USAGE for a number that is none, or a GANTRY_DATA that is not known. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): WorkerEnvironment {
  return {
    launchToken: env.GANTRY_LAUNCH_TOKEN ?? '',
    launchKey: env.GANTRY_LAUNCH_KEY ?? '',
    keys: env.GANTRY_KEYS ?? '',
    parentFd: numberOf(env, 'GANTRY_PARENT_FD'),
    parentPid: numberOf(env, 'GANTRY_PARENT_PID'),
    flightFile: env.GANTRY_FLIGHT_FILE ?? '',
    fault: env.GANTRY_FAULT,
    data: dataModeOf(env.GANTRY_DATA ?? ''),
    dataMemoryMiB: numberOf(env, 'GANTRY_DATA_MEMORY'),
  };
}

function dataModeOf(text: string): DataMode | '' {
  const mode = DATA_MODES.find((one) => one === text);
  if (text === '' || mode !== undefined) return mode ?? '';
  throw new GantryError('GANTRY_USAGE', `GANTRY_DATA=${text}: expected one of ${DATA_MODES.join(', ')}`);
}

function numberOf(env: Readonly<Record<string, string | undefined>>, name: string): number | null {
  const text = env[name];
  if (text === undefined || text === '') return null;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new GantryError('GANTRY_USAGE', `${name}=${text} is not a number`);
}

const ENDPOINT = /^tcp:\/\/(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/;

/**
 * Checks the endpoint to join: the loopback, unless there are keys, or `insecure`.
 * @throws GantryError GANTRY_USAGE, GANTRY_BIND_REFUSED
 */
export function checkEndpoint(join: string, { insecure, keyed }: { insecure: boolean; keyed: boolean }): void {
  const match = ENDPOINT.exec(join);
  if (match === null || Number(match[2]) > 65_535) {
    throw new GantryError('GANTRY_USAGE', `--join ${join}: expected tcp://HOST:PORT, as the coordinator prints it`);
  }
  const host = match[1]!;
  const loopback = host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
  if (loopback || keyed || insecure) return;
  throw new GantryError(
    'GANTRY_BIND_REFUSED',
    `${host} is not the loopback, which needs a key: add --keys FILE, the one that gantry keygen made for this worker ` +
      'beside the keys of the coordinator; or say --insecure in a network that you trust',
  );
}

const WORKER_NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

/** @throws GantryError GANTRY_USAGE for a name that the protocol does not take; '' leaves the choice to the coordinator. */
export function checkWorkerName(name: string): string {
  if (name === '' || WORKER_NAME.test(name)) return name;
  throw new GantryError('GANTRY_USAGE', `--worker ${name}: a name has letters, digits and . _ : - (at most 128)`);
}

/** A host id that the protocol takes: letters, digits and . _ : - */
export function hostId(name: string): string {
  const id = name.replace(/[^A-Za-z0-9._:-]/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return id === '' ? 'host' : id.slice(0, 128);
}
