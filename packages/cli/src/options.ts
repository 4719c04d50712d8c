import { SAMPLES_DEFAULT, VECTOR_SIZES_DEFAULT } from './constants.js';

/** One option of the command line. Without `key` it is no setting of the run but of the command. */
export interface OptionSpec {
  /** What it is; its default is told by `default`, or found under `key` (help-text.ts). */
  readonly describe: string;
  /** What holds without it, in words, where that is no value of a configuration. */
  readonly default?: string;
  /** A switch takes no value. */
  readonly isSwitch?: boolean;
  /** One letter that means the same. */
  readonly alias?: string;
  /** Takes several values, until the next option; they arrive joined by commas. */
  readonly isList?: boolean;
  /** Key of `gantry.yaml` that it sets; `number`: its text is turned into one. */
  readonly key?: string;
  readonly number?: boolean;
  readonly group: 'Run:' | 'Training:' | 'Workers:' | 'Output:' | 'Command:';
}

/** Every option there is; one that appears in several commands means the same in all. */
export const OPTIONS = {
  preset: { group: 'Run:', key: 'preset', describe: 'Networks and settings to begin from: mlp, mlp-plain' },
  model: {
    group: 'Run:',
    key: 'model',
    describe: 'Your own defineGan file, .ts or .js',
    default: "the preset's networks",
  },
  dataset: {
    group: 'Run:',
    key: 'dataset',
    describe: 'mnist, fashion-mnist, or idx:, folder:, npz:, csv: and a path (docs/data.md)',
  },
  config: { group: 'Run:', describe: 'Settings file', default: 'gantry.yaml where it exists' },
  out: { group: 'Run:', describe: 'Run directory', default: 'runs/PRESET-N, or runs/MODEL-N' },
  workers: { group: 'Run:', key: 'workers', number: true, describe: 'Worker processes' },
  shards: {
    group: 'Run:',
    key: 'shards',
    number: true,
    describe: 'Slices of the batch; runs with equal shards have equal bits, however many workers',
    default: 'as many as workers',
  },
  batch: { group: 'Run:', key: 'batch', number: true, describe: 'Real images a D update, over all workers' },
  steps: { group: 'Run:', key: 'steps', number: true, describe: 'Steps to train' },
  seed: { group: 'Run:', key: 'seed', number: true, describe: 'Seed of weights, noise and shuffling' },
  updates: { group: 'Training:', key: 'updates', describe: 'alternating, simultaneous' },
  'discriminator-updates': {
    group: 'Training:',
    key: 'discriminatorUpdates',
    number: true,
    describe: 'D updates a step',
  },
  loss: { group: 'Training:', key: 'loss', describe: 'non-saturating, minimax' },
  'learning-rate': { group: 'Training:', key: 'adam.learningRate', number: true, describe: "Adam's step size" },
  beta1: { group: 'Training:', key: 'adam.beta1', number: true, describe: "Decay of Adam's first moment" },
  beta2: { group: 'Training:', key: 'adam.beta2', number: true, describe: "Decay of Adam's second moment" },
  epsilon: { group: 'Training:', key: 'adam.epsilon', number: true, describe: "Adam's epsilon" },
  'ema-decay': { group: 'Training:', key: 'emaDecay', number: true, describe: "Decay of the average of G's weights" },
  'r1-gamma': { group: 'Training:', key: 'r1Gamma', number: true, describe: 'R1 penalty; 0: none' },
  'r1-interval': { group: 'Training:', key: 'r1Interval', number: true, describe: 'R1 at every N-th D update' },
  engine: { group: 'Workers:', key: 'engine', describe: 'onnx, tensorflow-gpu, tensorflow, js' },
  device: {
    group: 'Workers:',
    key: 'device',
    describe:
      'cpu, webgpu, cuda[:N], coreml, dml[:N], or auto: the best that works; several with commas, and workers take turns: cuda:0,cuda:1',
  },
  threads: { group: 'Workers:', key: 'threads', number: true, describe: 'Threads a worker computes with; 0: one' },
  transport: {
    group: 'Workers:',
    key: 'transport',
    describe: 'shm (memory inside a host, tcp between hosts), ipc, tcp, or auto',
    default: 'auto, which is shm on Linux and tcp elsewhere',
  },
  topology: {
    group: 'Workers:',
    key: 'topology',
    describe: 'auto, direct, halving, star',
    default: 'auto: direct or halving, by what is measured between the hosts',
  },
  balance: {
    group: 'Workers:',
    key: 'balance',
    describe: 'Shards go to workers by measured speed (auto), or evenly: auto, even',
  },
  wire: {
    group: 'Workers:',
    key: 'wire',
    describe: 'What gradients are rounded to before they are summed: fp32, bf16, fp16',
  },
  lease: {
    group: 'Workers:',
    key: 'leaseMs',
    describe: 'Silence after which a worker is held to be dead: 1500ms, 2s',
  },
  stalled: {
    group: 'Workers:',
    key: 'stalled',
    describe:
      'A worker that lives and makes no progress: replace it (it is named, ended, started again), or wait for it',
  },
  'min-workers': {
    group: 'Workers:',
    key: 'minWorkers',
    number: true,
    describe: 'Fewest workers to train with; with fewer the run waits for more',
  },
  'max-workers': {
    group: 'Workers:',
    key: 'maxWorkers',
    number: true,
    describe: 'Most workers to train with',
    default: 'as many as shards',
  },
  'max-restarts': {
    group: 'Workers:',
    key: 'maxRestarts',
    number: true,
    describe: 'How often gantry train starts each of its workers again after it was lost',
  },
  'verify-every': {
    group: 'Workers:',
    key: 'verifyEvery',
    number: true,
    describe: 'Updates between two comparisons of the replicas of the state; 0: never',
  },
  'checkpoint-every': {
    group: 'Output:',
    key: 'checkpointEvery',
    number: true,
    describe: 'Steps between checkpoints; 0: only at the end',
  },
  'checkpoint-keep': { group: 'Output:', key: 'checkpointKeep', number: true, describe: 'Checkpoints kept' },
  'sample-every': {
    group: 'Output:',
    key: 'sampleEvery',
    number: true,
    describe: 'Steps between sample pictures; 0: only at the end',
  },
  json: { group: 'Output:', isSwitch: true, describe: 'One JSON object a line on standard output' },
  resume: {
    group: 'Command:',
    isSwitch: true,
    describe:
      'Go on with the run of --out, where it listened before: workers that hold its state come back by themselves',
  },
  continue: {
    group: 'Command:',
    isSwitch: true,
    describe:
      'Go on with the run of --out where there is one, begin it where there is none: for whatever restarts coordinators',
  },
  file: { group: 'Command:', alias: 'f', describe: 'Cluster file' },
  'dry-run': { group: 'Command:', isSwitch: true, describe: 'Print every file and command, and do nothing' },
  detach: {
    group: 'Command:',
    isSwitch: true,
    describe: 'Hand it over and end: the run goes on without this process (slurm, docker, kubernetes)',
  },
  bind: { group: 'Command:', describe: 'Where to listen', default: 'tcp://127.0.0.1:0' },
  keys: {
    group: 'Command:',
    describe: 'What gantry keygen made: its folder for a coordinator, one file of it for a worker',
    default: 'GANTRY_KEYS',
  },
  insecure: { group: 'Command:', isSwitch: true, describe: 'Leave the loopback without keys: nothing is encrypted' },
  add: { group: 'Command:', isSwitch: true, describe: 'Add workers to a folder that has keys' },
  join: { group: 'Command:', describe: "The coordinator's endpoint: tcp://HOST:PORT", default: 'GANTRY_JOIN' },
  worker: {
    group: 'Command:',
    describe: 'Name of this worker',
    default: 'by the place that a launcher or scheduler gave it, or the coordinator chooses',
  },
  'host-id': {
    group: 'Command:',
    describe: 'Host that it counts to: equal ids share memory',
    default: 'this machine',
  },
  'data-host': {
    group: 'Command:',
    describe: 'With keys: address of this machine at which other workers reach it',
    default: 'the one it reaches the coordinator from',
  },
  hub: { group: 'Command:', isSwitch: true, describe: 'Sum for the others and own no shards (topology star)' },
  'resume-with-changes': {
    group: 'Command:',
    isSwitch: true,
    describe: 'Allow changes after which the numbers are no longer bit for bit the same',
  },
  count: { group: 'Command:', describe: 'Samples', default: String(SAMPLES_DEFAULT) },
  format: { group: 'Command:', describe: 'grid, png, npy, idx, csv', default: 'what --to ends in' },
  to: { group: 'Command:', describe: 'File, or folder for png, to write' },
  weights: { group: 'Command:', describe: 'ema, params', default: 'ema where the run kept one' },
  checkpoint: { group: 'Command:', describe: 'Step of the checkpoint', default: 'the newest that is sound' },
  cluster: {
    group: 'Command:',
    describe: 'Look at the machines of this cluster file, and the ways between them',
    default: 'this machine alone',
  },
  listen: {
    group: 'Command:',
    describe: 'Only answer probes, on this port (0: any), until standard input ends',
    default: 'none',
  },
  probe: {
    group: 'Command:',
    describe: 'Only measure the way to HOST:PORT, where another doctor listens; several with commas',
    default: 'none',
  },
  bytes: {
    group: 'Command:',
    isList: true,
    describe: 'Sizes of vectors, multiples of 4 B: 4096 1MB 16.8MB, or with commas',
    default: VECTOR_SIZES_DEFAULT,
  },
} as const satisfies Record<string, OptionSpec>;

export type OptionName = keyof typeof OPTIONS;

const names = Object.keys(OPTIONS) as OptionName[];
const isSetting = (name: OptionName): boolean => 'key' in OPTIONS[name];

/** The options that set a run's configuration. */
export const SETTING_OPTIONS: readonly OptionName[] = names.filter(isSetting);

/** Of a command that makes a run: all settings, the file they may stand in, the run directory, and `--json`. */
export const RUN_OPTIONS: readonly OptionName[] = [...SETTING_OPTIONS, 'config', 'out', 'json'];

export function optionSpec(name: OptionName): OptionSpec {
  return OPTIONS[name];
}
