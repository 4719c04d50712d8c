import { SETTING_KEYS, settingsSchema } from '@gantry/common/config';
import { z } from 'zod';
import { LAUNCHERS } from './cluster.js';
import { DEFAULTS, LIMITS } from './constants.js';

function words(expression: RegExp, error: string, about: string) {
  return z.string({ error }).regex(expression, { error }).describe(about);
}

function whole(min: number, max: number, about: string) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error }).describe(about);
}

function text(about: string) {
  const error = 'must be a text of one line';
  return z
    .string({ error })
    .regex(/^[^\n\r\0]+$/, { error })
    .describe(about);
}

function object<T extends z.ZodRawShape>(shape: T, about: string) {
  const error = ({ code }: { readonly code: string }) =>
    code === 'invalid_type' ? 'must be a mapping of keys to values' : undefined;
  return z.strictObject(shape, { error }).describe(about);
}

const label = (about: string) =>
  words(/^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/, 'must be 1 to 40 lower-case letters, digits and -, a letter first', about);
const size = (about: string) =>
  words(/^\d+(\.\d+)?\s*(kB|MB|GB|TB|KiB|MiB|GiB|TiB)$/, 'must be a size, such as 512MiB or 4GiB', about);
const address = (about: string) =>
  words(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)$/, 'must be a host name or an address', about);
const mapOfText = (about: string) =>
  z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'must be the name of a variable' }),
      z.string({ error: "must be a text: write '1', not 1" }),
    )
    .describe(about);

const device = words(
  /^(?:auto|cpu|coreml|(?:webgpu|cuda|dml)(?::\d{1,3})?)$/,
  'must be auto, cpu, webgpu, cuda[:N], coreml or dml[:N]',
  'Device of one worker',
);

const resources = {
  cpus: z
    .number({ error: 'must be a number' })
    .gt(0, { error: 'must be more than 0' })
    .max(LIMITS.cpus, { error: `must be at most ${LIMITS.cpus}` })
    .describe('Processors; may be a fraction'),
  memory: size('Memory'),
  gpus: whole(0, LIMITS.gpus, 'GPUs; one worker uses one'),
  sharedMemory: size(`Size of /dev/shm. Default: ${DEFAULTS.sharedMemory}`),
};

const volume = {
  source: text('Folder of the machine, or name of a volume'),
  target: words(/^\/[^\n\r\0:]*$/, 'must be an absolute path', 'Where the containers see it'),
  readOnly: z.boolean({ error: 'must be true or false' }).describe('Default: false'),
};

const host = {
  host: words(/^[A-Za-z0-9][A-Za-z0-9._@:-]*$/, 'must be what ssh takes: a name, or user@name', 'As ssh knows it'),
  workers: whole(1, LIMITS.workersPerHost, 'Workers it has room for. Default: one for each of devices, or 1'),
  devices: z.array(device, { error: 'must be a list' }).describe('By worker, its device'),
  command: text(`How Gantry is called there. Default: ${DEFAULTS.command}`),
  directory: text('Folder to call it in. Default: the home folder'),
  address: address('Where other workers reach this host. Default: as it reaches the coordinator'),
};

const ssh = {
  hosts: z
    .array(object(host, 'A machine').partial().required({ host: true }), { error: 'must be a list of hosts' })
    .min(1, { error: 'must name at least one host' })
    .describe('Machines with room for workers, taken in this order'),
  config: text("Configuration file of ssh. Default: the user's own"),
};

const slurm = {
  partition: text('As sbatch --partition'),
  account: text('As sbatch --account'),
  qos: text('As sbatch --qos'),
  time: words(/^[\d:-]+$/, 'must be a time as sbatch takes it: 30, 1:00:00 or 1-12:00:00', 'As sbatch --time'),
  nodes: whole(1, LIMITS.nodes, 'As sbatch --nodes'),
  command: text(`How Gantry is called on the nodes. Default: ${DEFAULTS.command}`),
  options: z
    .array(words(/^--[a-z][^\n\r]*$/, 'must be an option of sbatch, such as --constraint=a100', 'An option'))
    .describe('Further options of sbatch'),
  warnSeconds: whole(10, 3600, `Before its time is over, the job is told to save. Default: ${DEFAULTS.warnSeconds}`),
};

const kubernetes = {
  context: text("Cluster and user, by their name in kubectl's configuration. Default: the current one"),
  namespace: label('Default: default'),
  serviceAccount: label('Default: that of the namespace'),
  imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never'], {
    error: 'must be one of Always, IfNotPresent, Never',
  }),
  gpuResource: text('Resource that counts GPUs. Default: nvidia.com/gpu'),
  storage: object(
    {
      claim: label('A claim that exists'),
      size: words(
        /^\d+(Mi|Gi|Ti)$/,
        'must be a size such as 10Gi',
        `Of a claim to be made. Default: ${DEFAULTS.storage}`,
      ),
      className: text('Storage class of it'),
    },
    'Where runs lie',
  ).partial(),
  nodeSelector: z.record(z.string(), z.string({ error: 'must be a text' })).describe('Labels that a node must have'),
};

/** The file as it is written: `launcher` alone is required. */
export const clusterSchema = object(
  {
    launcher: z
      .enum(LAUNCHERS, { error: `must be one of ${LAUNCHERS.join(', ')}` })
      .describe('What starts the processes'),
    name: label('Of jobs, containers and objects. Default: gantry'),
    run: z
      .union([text('A gantry.yaml'), settingsSchema], {
        error: 'must be settings as in gantry.yaml, or the path of one',
      })
      .describe('What is trained: settings as in gantry.yaml, or the path of one'),
    out: text('Run directory. Default: runs/NAME; with kubernetes /runs/NAME, on its storage'),
    workers: whole(1, LIMITS.workers, 'Workers to begin with. Default: 2; with ssh, all that the hosts have room for'),
    minWorkers: whole(1, LIMITS.workers, 'Fewest workers to train with: with fewer the run waits'),
    maxWorkers: whole(1, LIMITS.workers, 'Most workers to train with. Default: shards'),
    resources: object(resources, 'Of each worker').partial(),
    environment: mapOfText('Of the coordinator and every worker'),
    keys: text('Folder that gantry keygen made, with a key for each worker'),
    port: whole(
      1,
      65_535,
      `Where the coordinator listens. Default: ${DEFAULTS.port}; with local, any that is free; with slurm, one for each job`,
    ),
    address: address('Where workers reach the coordinator. Default: found by the launcher'),
    image: text(`Image of Gantry, for docker and kubernetes. Default: ${DEFAULTS.image}`),
    volumes: z
      .array(object(volume, 'A volume').partial().required({ source: true, target: true }))
      .describe('What the containers see of the machine'),
    ssh: object(ssh, 'For launcher: ssh').partial().required({ hosts: true }),
    slurm: object(slurm, 'For launcher: slurm').partial(),
    kubernetes: object(kubernetes, 'For launcher: kubernetes').partial(),
  },
  'A cluster file of Gantry',
)
  .partial()
  .required({ launcher: true });

/** A cluster file, as written. */
export type ClusterFile = z.infer<typeof clusterSchema>;

const keysOf = (shape: object, prefix: string): string[] => Object.keys(shape).map((key) => `${prefix}${key}`);

/** Every key, nested ones with a dot: an unknown one names the nearest. */
export const CLUSTER_KEYS: readonly string[] = [
  ...Object.keys(clusterSchema.shape),
  ...SETTING_KEYS.map((key) => `run.${key}`),
  ...keysOf(resources, 'resources.'),
  ...keysOf(ssh, 'ssh.'),
  ...keysOf(slurm, 'slurm.'),
  ...keysOf(kubernetes, 'kubernetes.'),
  ...keysOf(volume, 'volumes.'),
  ...keysOf(host, 'ssh.hosts.'),
];

/** JSON Schema (draft 2020-12) of a cluster file, for editors. */
export function clusterJsonSchema(): object {
  return { ...z.toJSONSchema(clusterSchema), title: 'Gantry cluster file' };
}
