import { fileURLToPath } from 'node:url';
import { ControlWords, type DataSocket } from '@gantry/collective';
import { type Assignment, type Fault, type Member, type Message, type RunConfig, UNMEASURED } from '@gantry/common';
import { createMemorySource } from '@gantry/data';
import { createEngine } from '@gantry/engine';
import { buildGan, commitsBefore, loadDefinition } from '@gantry/gan';
import { FlightRecorder } from '../core/flight-recorder.js';
import { parityAfter } from '../core/state-images.js';
import { compileGradients } from '../shell/gradient-set.js';
import { type Prepared, prepare } from '../shell/prepare.js';
import { ProgressWords } from '../shell/progress-words.js';
import { hashState } from '../shell/state-hash.js';
import { StepClock } from '../shell/step-clock.js';
import { type AfterStep, type LoopEnd, trainingLoop } from '../shell/training-loop.js';
import type { WarmUp } from '../shell/warm-up.js';

/** A run small enough for the oracle: 4 × 4 images, 4 shards of 2. */
export const TINY_CONFIG: RunConfig = {
  preset: 'mlp',
  model: null,
  dataset: 'tiny',
  workers: 1,
  minWorkers: 1,
  maxWorkers: 4,
  maxRestarts: 0,
  shards: 4,
  batch: 8,
  steps: 6,
  seed: 7,
  engine: 'js',
  device: 'cpu',
  threads: 1,
  transport: 'shm',
  topology: 'direct',
  balance: 'even',
  wire: 'fp32',
  updates: 'alternating',
  discriminatorUpdates: 1,
  loss: 'non-saturating',
  adam: { learningRate: 1e-3, beta1: 0.5, beta2: 0.999, epsilon: 1e-8 },
  emaDecay: 0.9,
  r1Gamma: 1,
  r1Interval: 2,
  checkpointEvery: 0,
  checkpointKeep: 2,
  sampleEvery: 0,
  verifyEvery: 4,
  stalled: 'replace',
  leaseMs: 1500,
};

const TINY_GAN = fileURLToPath(new URL('../../src/testing/tiny-gan.mjs', import.meta.url));

/** What `warmUp` would give, with a data set of 20 made-up images. */
export async function warmTiny(config: RunConfig): Promise<WarmUp> {
  const pixels = Uint8Array.from({ length: 20 * 16 }, (_, index) => (index * 37) % 256);
  const source = createMemorySource({ id: 'tiny', sampleShape: [4, 4, 1], classes: 0, labels: null, pixels });
  const engine = await createEngine(config);
  const gan = buildGan((await loadDefinition(TINY_GAN, config.preset)).definition, config);
  return {
    config,
    engine,
    gan,
    source,
    streamed: null,
    programs: await compileGradients(engine, gan, config),
    threads: 1,
  };
}

/** One member that a test drives. */
export interface TinyMember {
  readonly prepared: Prepared;
  readonly control: ControlWords;
  readonly progress: ProgressWords;
  readonly sent: Message[];
  train(afterStep?: AfterStep): Promise<LoopEnd>;
  /** stateSha256 after `committed` updates. */
  hash(committed: number): string;
}

export interface TinyOptions {
  readonly fault?: Fault;
  readonly startUpdate?: number;
  /** The state to begin with instead of the initial one. */
  readonly state?: Float32Array;
}

/** A run of one member, with private memory. */
export function startTiny(config: RunConfig, options: TinyOptions = {}): Promise<TinyMember> {
  return startTinyMember({ config, options, endpoints: [''], socket: null, index: 0 });
}

/** Even shares of the shards for as many members as there are endpoints, each a host of its own. */
function assign(config: RunConfig, endpoints: readonly string[], options: TinyOptions): Assignment {
  const share = config.shards / endpoints.length;
  const members = endpoints.map(
    (dataEndpoint, index): Member => ({
      worker: `worker-${index + 1}`,
      host: `host-${index}`,
      shards: Array.from({ length: share }, (_, shard) => index * share + shard),
      dataEndpoint,
      dataKey: '',
      hub: false,
      place: options.state === undefined ? 'initial' : 'received',
    }),
  );
  return {
    kind: 'assignment',
    generation: 1,
    members,
    sharedMemory: '',
    startUpdate: options.startUpdate ?? 0,
    stateSha256: '',
    network: UNMEASURED,
  };
}

export interface TinyMemberOptions {
  readonly config: RunConfig;
  readonly options: TinyOptions;
  /** By member; '' where there is only one. */
  readonly endpoints: readonly string[];
  readonly socket: DataSocket | null;
  readonly index: number;
}

/** One member of a run, which may talk to others in other processes: waits may block this one. */
export async function startTinyMember(member: TinyMemberOptions): Promise<TinyMember> {
  const { config, options, endpoints, socket, index } = member;
  const assignment = assign(config, endpoints, options);
  const control = new ControlWords();
  const progress = new ProgressWords();
  const sent: Message[] = [];
  const worker = assignment.members[index]!.worker;
  const { startUpdate } = assignment;
  const prepared = await prepare({
    ...{ worker, runId: 'tiny', assignment, control, dataSocket: socket },
    warm: await warmTiny(config),
    clock: new StepClock(progress, new FlightRecorder()),
    fault: options.fault?.worker === worker ? options.fault : null,
    send: (message) => void sent.push(message),
    heldState: () => {
      throw new Error('nothing is held');
    },
    receiveState: async () => ({ update: startUpdate, sha256: '', state: options.state! }),
  });
  const { training } = prepared;
  return {
    ...{ prepared, control, progress, sent },
    train: (afterStep = () => undefined) => trainingLoop(training, startUpdate, afterStep),
    hash: (committed) => hashState(training.images, parityAfter(commitsBefore(committed, config))),
  };
}
