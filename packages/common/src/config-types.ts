/** `alternating`: D updates, then a G update, each committed; `simultaneous`: both from one forward pass, one commit. */
export type UpdateMode = 'alternating' | 'simultaneous';
export type Transport = 'shm' | 'ipc' | 'tcp';
/** `direct`: everybody sends to everybody; `halving`: log₂ rounds between neighbours; `star`: everything through a hub. */
export type Topology = 'direct' | 'halving' | 'star';
/** What a shard's gradient is rounded to, once, before any sum; all sums are fp32. */
export type WireType = 'fp32' | 'bf16' | 'fp16';
export type EngineName = 'onnx' | 'tensorflow-gpu' | 'tensorflow' | 'js';
export type NetworkName = 'discriminator' | 'generator';
/** The order in which networks lie in the state and are hashed. */
export const NETWORKS: readonly NetworkName[] = ['discriminator', 'generator'];

/** Adam's settings; formula and defaults in `@gantry/gan`'s optimizer. */
export interface AdamConfig {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/**
 * A run, resolved: every default filled in, every value checked. Made once at the edge by `resolveConfig`
 * (flags over `gantry.yaml` over preset over defaults); nothing behind the edge checks it again.
 */
export interface RunConfig {
  /** Name of the preset it began from: `mlp` (default) or `mlp-plain`. */
  readonly preset: string;
  /** Path of the user's `defineGan` file, absolute; null: the preset's own networks. */
  readonly model: string | null;
  /** `mnist`, `fashion-mnist`, or `idx:`, `folder:`, `npz:`, `csv:` and a path, with options: `folder:faces?size=32`. */
  readonly dataset: string;
  readonly workers: number;
  /** Fewer: the run waits for more. */
  readonly minWorkers: number;
  /** More are refused. Default: as many as there are shards. */
  readonly maxWorkers: number;
  /** How often `gantry train` starts each of its workers again. */
  readonly maxRestarts: number;
  /** S: slices of the global batch; divides `batch`. Default: `workers`. */
  readonly shards: number;
  /** B: real images a D update sees, over all shards. */
  readonly batch: number;
  readonly steps: number;
  readonly seed: number;
  readonly engine: EngineName;
  /** `auto`, `cpu`, `webgpu`, `cuda:0` …, or several with commas: see `deviceOfWorker`. */
  readonly device: string;
  /** Intra-op threads a worker; 0: one, as workers share the machine's cores. */
  readonly threads: number;
  /** Resolved from `auto` by whoever starts the run. */
  readonly transport: Transport;
  /** `auto`: direct or halving, by what the network between the hosts costs; chosen anew for other hosts. */
  readonly topology: Topology | 'auto';
  /** Who gets how many shards: by measured speed, or as many each. */
  readonly balance: 'auto' | 'even';
  readonly wire: WireType;
  readonly updates: UpdateMode;
  readonly discriminatorUpdates: number;
  readonly loss: string;
  readonly adam: AdamConfig;
  /** Decay of G's exponential moving average a G update; 0: none kept. */
  readonly emaDecay: number;
  /** γ of the R1 penalty; 0: none. */
  readonly r1Gamma: number;
  /** R1 is applied at every r1Interval-th D update, weighted by r1Interval. */
  readonly r1Interval: number;
  /** Steps; 0: only at the end. */
  readonly checkpointEvery: number;
  readonly checkpointKeep: number;
  /** Steps; 0: only at the end. */
  readonly sampleEvery: number;
  /** Updates between two comparisons of the replicas of the state; 0: they are not compared. */
  readonly verifyEvery: number;
  readonly leaseMs: number;
  /** What is done with a worker that lives and makes no progress: it is told of, and replaced or waited for. */
  readonly stalled: 'replace' | 'wait';
}
