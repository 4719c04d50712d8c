import type { ControlWords, DataSocket, Exchange, HostMemory, HostMemoryPlan } from '@gantry/collective';
import { type Assignment, type Fault, GantryError, type Message } from '@gantry/common';
import { ShardLoader } from '@gantry/data';
import { commitsBefore } from '@gantry/gan';
import { DEVICE_REASON_CHARS_MAX } from '../constants.js';
import type { PreparationReport } from '../core/lifecycle.js';
import { type MemberRole, roleOf, tellsHash } from '../core/member-role.js';
import { type Parity, parityAfter, StateImages } from '../core/state-images.js';
import { type Connection, type ConnectOptions, connect, spansHosts } from './connect.js';
import type { ReceivedState } from './control-channel.js';
import { GradientSet, hashPrograms } from './gradient-set.js';
import { announceState, awaitState, placeMemory } from './place-memory.js';
import { hashState } from './state-hash.js';
import { StateVerifier } from './state-verifier.js';
import type { StepClock } from './step-clock.js';
import { StepInputs } from './step-inputs.js';
import { StepMeter } from './step-meter.js';
import type { Training } from './training.js';
import { UpdateSet } from './update-set.js';
import type { WarmUp } from './warm-up.js';

/** What a preparation needs from the worker's process. */
export interface PrepareOptions {
  readonly worker: string;
  readonly runId: string;
  readonly assignment: Assignment;
  readonly warm: WarmUp;
  readonly control: ControlWords;
  readonly clock: StepClock;
  /** Null: none is needed. */
  readonly dataSocket: DataSocket | null;
  readonly fault: Fault | null;
  readonly send: (message: Message) => void;
  readonly receiveState: () => Promise<ReceivedState>;
  /** The committed state of an update, from the generation before; for a member whose place is `copied`. */
  readonly heldState: (update: number) => Float32Array;
}

export interface Prepared {
  readonly training: Training;
  readonly memory: HostMemory;
  readonly report: PreparationReport;
  /** Data frames dropped so far; see PeerExchangeCounters. */
  staleFrames(): number;
  /** Everything but the memory. `drain`: what is queued for the others may still leave. */
  close(drain: boolean): Promise<void>;
}

/**
 * From an assignment to a member that can train: memory, state, exchange, programs bound to all of these. If it fails,
 * nothing of them stays open.
 */
export async function prepare(options: PrepareOptions): Promise<Prepared> {
  const { assignment, control } = options;
  const role = roleOf(options.worker, assignment, options.warm.config.transport);
  const plan = planMemory(options, role);
  const { wire, leaseMs } = options.warm.config;
  const memory = await placeMemory({ assignment, role, plan, wire, leaseMs, control });
  let connection: Connection | null = null;
  try {
    const placed = await placeState(options, role, memory);
    connection = await connect(connectOptionsOf(options, role, memory));
    const training = await build(options, role, { ...placed, exchange: connection.exchange });
    awaitState(memory, role.maker, assignment.startUpdate, control);
    options.clock.committed(assignment.startUpdate);
    const stateSha256 = hashState(placed.images, placed.parity);
    const report = describe(training, options.warm, { stateSha256, ...connection.report });
    return { training, memory, report, staleFrames: connection.staleFrames, close: connection.close };
  } catch (error) {
    memory.close();
    await connection?.close(false);
    throw error;
  }
}

interface Placed {
  readonly images: StateImages;
  readonly parity: Parity;
}

/** The state is written by one member of each memory. */
async function placeState(options: PrepareOptions, role: MemberRole, memory: HostMemory): Promise<Placed> {
  const { assignment, warm } = options;
  const images = new StateImages(warm.gan.state, memory.images as [Float32Array, Float32Array]);
  const parity = parityAfter(commitsBefore(assignment.startUpdate, warm.config));
  if (role.place !== 'attached') {
    images.write(await startingState(options, role), parity);
    announceState(memory, role.maker, assignment.startUpdate);
  }
  return { images, parity };
}

async function build(
  options: PrepareOptions,
  role: MemberRole,
  { images, exchange }: { readonly images: StateImages; readonly exchange: Exchange },
): Promise<Training> {
  const { warm, control, clock, fault, send } = options;
  const { config, gan, engine } = warm;
  const { batch, shards, seed, discriminatorUpdates } = config;
  const loader = new ShardLoader({ source: warm.source, seed, batch, shards });
  const inputs = new StepInputs({ loader, streamed: warm.streamed, shards: role.shards, latent: gan.latent, seed });
  const gradients = new GradientSet({ programs: warm.programs, gan, images, exchange, inputs: inputs.shards });
  const updates = await UpdateSet.compile({ engine, gan, exchange, images });
  const meter = new StepMeter({ clock, shards: role.shards.length, discriminatorUpdates, send });
  const isTelling = config.verifyEvery > 0 && tellsHash(role.member, options.assignment, config.transport);
  const verifier = isTelling ? new StateVerifier({ config, images, clock, send }) : null;
  return { config, gan, role, control, exchange, images, inputs, gradients, updates, clock, meter, fault, verifier };
}

function vectorFloatsOf({ layouts }: WarmUp['gan']): HostMemoryPlan['vectorFloats'] {
  return { discriminator: layouts.discriminator.length, generator: layouts.generator.length };
}

function connectOptionsOf(options: PrepareOptions, role: MemberRole, memory: HostMemory): ConnectOptions {
  const { runId, assignment, warm, control, clock, dataSocket, send } = options;
  return { runId, config: warm.config, assignment, role, memory, control, clock, dataSocket, send };
}

/** A memory holds the shards of those who share it; all of the run's on a single host. */
function planMemory(options: PrepareOptions, role: MemberRole): HostMemoryPlan {
  const { assignment, warm } = options;
  const { gan } = warm;
  return {
    members: role.sharers.length,
    shards: role.sharers.reduce((sum, index) => sum + assignment.members[index]!.shards.length, 0),
    stateFloats: gan.state.length,
    vectorFloats: vectorFloatsOf(gan),
    sums: spansHosts({ config: warm.config, assignment }),
  };
}

async function startingState(options: PrepareOptions, { place }: MemberRole): Promise<Float32Array> {
  const { assignment, warm, receiveState, heldState } = options;
  const { startUpdate, stateSha256 } = assignment;
  if (place === 'initial') return warm.gan.initialState();
  if (place === 'copied') return heldState(startUpdate);
  const { update, sha256, state } = await receiveState();
  const expected = stateSha256 === '' ? sha256 : stateSha256;
  if (update === startUpdate && sha256 === expected && state.length === warm.gan.state.length) return state;
  throw new GantryError(
    'GANTRY_CHECKPOINT_INVALID',
    `the state that was sent (update ${update}, ${state.length} floats, ${sha256.slice(0, 12)}) is not the one assigned ` +
      `(update ${startUpdate}, ${warm.gan.state.length} floats, ${stateSha256.slice(0, 12)})`,
  );
}

function describe(
  { gan, role }: Training,
  warm: WarmUp,
  measured: Pick<PreparationReport, 'stateSha256' | 'network' | 'topology'>,
): PreparationReport {
  return {
    programHash: hashPrograms(warm.programs),
    ...measured,
    device: warm.engine.device.label,
    deviceReason: warm.engine.device.reason.slice(0, DEVICE_REASON_CHARS_MAX),
    engine: warm.engine.name,
    threads: warm.threads,
    stateLayoutJson: role.leader ? JSON.stringify(gan.state) : '',
  };
}
