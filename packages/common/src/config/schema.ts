import { z } from 'zod';
import { DATASET_FORMS, DATASET_KINDS, parseDatasetName } from '../dataset-name.js';
import { SHARDS_MAX } from '../protocol/constants.js';
import { DEFAULT_CONFIG } from './defaults.js';

/** Bounds that are not taste: what the protocol's fields and the process can hold. */
export const LIMITS = {
  workers: 256,
  shards: SHARDS_MAX,
  /** Images; a batch of them is held in memory by shards. */
  batch: 1 << 20,
  /** Also bounded by how many updates can be counted: see cross-checks. */
  steps: 100_000_000,
  /** Words of 32 bits with a sign count them. */
  updates: 2 ** 31 - 1,
  discriminatorUpdates: 32,
  threads: 1024,
  /** Milliseconds: a shorter lease than two heartbeats would end healthy runs; a longer one is no detection. */
  leaseMin: 500,
  leaseMax: 60_000,
} as const;

function whole(min: number, max: number, about: string, unit = '') {
  const error = `must be a whole number${unit && ` of ${unit}`} from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error }).describe(about);
}

/** A number of [min, max], or of (min, max) where `open` says so. */
function real(min: number, max: number, about: string, open: { min?: boolean; max?: boolean } = {}) {
  const low = open.min ? 'more than' : 'at least';
  const high = open.max ? 'less than' : 'at most';
  const error = `must be a number, ${low} ${min} and ${high} ${max}`;
  const number = z.number({ error });
  const bounded = open.min ? number.gt(min, { error }) : number.min(min, { error });
  return (open.max ? bounded.lt(max, { error }) : bounded.max(max, { error })).describe(about);
}

function oneOf<const T extends readonly [string, ...string[]]>(values: T, about: string) {
  return z.enum(values, { error: `must be one of ${values.join(', ')}` }).describe(about);
}

function words(expression: RegExp, error: string, about: string) {
  return z.string({ error }).regex(expression, { error }).describe(about);
}

/** The error of an object; undefined leaves other problems of it, such as unknown keys, in zod's words. */
function mapping({ code }: { readonly code: string }): string | undefined {
  return code === 'invalid_type' ? 'must be a mapping of keys to values' : undefined;
}

const adam = {
  learningRate: real(0, 10, "Adam's step size", { min: true }),
  beta1: real(0, 1, "Decay of Adam's first moment", { max: true }),
  beta2: real(0, 1, "Decay of Adam's second moment", { max: true }),
  epsilon: real(0, 1, "Adam's ε", { min: true }),
};

/** The pattern is for editors; what stands behind a `?` is checked besides. */
const dataset = words(
  new RegExp(`^(?:mnist|fashion-mnist|(?:${DATASET_KINDS.join('|')}):.+)$`, 's'),
  `must be ${DATASET_FORMS.slice(0, -1).join(', ')} or ${DATASET_FORMS.at(-1)}`,
  `Real data: ${DATASET_FORMS.join(', ')}`,
).superRefine((name, context) => {
  const parsed = parseDatasetName(name);
  if ('problem' in parsed) context.addIssue({ code: 'custom', message: parsed.problem });
});

const fields = {
  preset: words(/^[a-z][a-z0-9-]{0,63}$/, 'must be the name of a preset', 'Networks and settings to begin from'),
  dataset,
  workers: whole(1, LIMITS.workers, 'Worker processes, one device each'),
  minWorkers: whole(1, LIMITS.workers, 'Fewest workers to train with: with fewer the run waits'),
  maxWorkers: whole(1, LIMITS.workers, 'Most workers to train with: more are refused. Default: shards'),
  maxRestarts: whole(0, 1_000_000, 'How often gantry train starts each of its workers again after it was lost'),
  shards: whole(1, LIMITS.shards, 'Slices of the global batch; fixed for the run. Default: workers'),
  batch: whole(1, LIMITS.batch, 'Real images a D update sees, over all shards'),
  steps: whole(1, LIMITS.steps, 'Steps to train'),
  seed: whole(0, Number.MAX_SAFE_INTEGER, 'Seed of weights, noise and shuffling'),
  engine: oneOf(['onnx', 'tensorflow-gpu', 'tensorflow', 'js'], 'What computes'),
  device: words(
    /^(?:auto|cpu|coreml|(?:webgpu|cuda|dml)(?::\d{1,3})?)(?:,(?:cpu|coreml|(?:webgpu|cuda|dml)(?::\d{1,3})?)){0,63}$/,
    'must be auto, cpu, webgpu, cuda[:N], coreml or dml[:N], or several with commas: cuda:0,cuda:1',
    'Device of each worker; several with commas: workers take turns at them',
  ),
  threads: whole(0, LIMITS.threads, 'Threads a worker computes with; 0: one'),
  balance: oneOf(['auto', 'even'], 'Shards go to workers by measured speed, or evenly'),
  wire: oneOf(['fp32', 'bf16', 'fp16'], 'What gradients are rounded to before they are summed'),
  updates: oneOf(['alternating', 'simultaneous'], 'D then G, or both from one forward pass'),
  discriminatorUpdates: whole(1, LIMITS.discriminatorUpdates, 'D updates a step'),
  loss: oneOf(['non-saturating', 'minimax'], 'Loss of D and G'),
  emaDecay: real(0, 1, "Decay of the moving average of G's weights; 0: none kept", { max: true }),
  r1Gamma: real(0, 1e6, 'γ of the R1 penalty; 0: none'),
  r1Interval: whole(1, 1_000_000, 'R1 at every N-th D update'),
  checkpointEvery: whole(0, LIMITS.steps, 'Steps between checkpoints; 0: only at the end'),
  checkpointKeep: whole(1, 10_000, 'Checkpoints kept'),
  sampleEvery: whole(0, LIMITS.steps, 'Steps between sample pictures; 0: only at the end'),
  verifyEvery: whole(0, LIMITS.updates, 'Updates between two comparisons of the replicas of the state; 0: never'),
  leaseMs: whole(
    LIMITS.leaseMin,
    LIMITS.leaseMax,
    'Milliseconds of silence after which a worker is held to be dead',
    'milliseconds',
  ),
  stalled: oneOf(['replace', 'wait'], 'What is done with a worker that lives and makes no progress'),
};

const modelPath = z
  .string({ error: 'must be a path' })
  .min(1, { error: 'must be a path' })
  .describe("The user's defineGan file");

/** `gantry.yaml`, and the flags in the same form: every key optional, none other allowed. */
export const settingsSchema = z
  .strictObject(
    {
      ...fields,
      model: modelPath.nullable(),
      adam: z.strictObject(adam, { error: mapping }).partial().describe("Adam's settings"),
      transport: oneOf(['auto', 'shm', 'ipc', 'tcp'], 'How gradients travel'),
      topology: oneOf(['auto', 'direct', 'halving', 'star'], 'Who sums what'),
    },
    { error: mapping },
  )
  .partial();

/**
 * A run as it is resolved, stored and sent: every key there, `auto` nowhere but in `device`, `topology` and `balance`.
 * Runs stored before there was `wire` are fp32; all replicas are compared.
 */
export const runConfigSchema = z.strictObject(
  {
    ...fields,
    model: modelPath.nullable(),
    adam: z.strictObject(adam, { error: mapping }),
    transport: oneOf(['shm', 'ipc', 'tcp'], 'How gradients travel'),
    topology: oneOf(['auto', 'direct', 'halving', 'star'], 'Who sums what'),
    wire: fields.wire.default('fp32'),
    balance: fields.balance.default('auto'),
    verifyEvery: fields.verifyEvery.default(DEFAULT_CONFIG.verifyEvery),
    stalled: fields.stalled.default(DEFAULT_CONFIG.stalled),
  },
  { error: mapping },
);

/** What a user may say about a run: keys of `gantry.yaml`. */
export type Settings = z.infer<typeof settingsSchema>;

/** Every key of `gantry.yaml`, nested ones with a dot. */
export const SETTING_KEYS: readonly string[] = [
  ...Object.keys(settingsSchema.shape),
  ...Object.keys(adam).map((key) => `adam.${key}`),
];

/** JSON Schema (draft 2020-12) of `gantry.yaml`, for editors. */
export function configJsonSchema(): object {
  return { ...z.toJSONSchema(settingsSchema), title: 'gantry.yaml' };
}
