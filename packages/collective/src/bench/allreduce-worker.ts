// One member of the all-reduce bench, as a process of its own; `benchAllreduce` forks it.
import { setTimeout as sleep, setImmediate as yieldToEvents } from 'node:timers/promises';
import { GantryError, type Topology, type Transport, type WireType } from '@gantry/common';
import { assignShards, type ShardAssignment } from '../core/assignment.js';
import type { Exchange } from '../core/exchange.js';
import type { HostMemoryPlan } from '../core/host-layout.js';
import { jsVectorSum, type VectorSum } from '../core/vector-sum.js';
import { ControlWords } from '../shell/control-words.js';
import { bindDataSocket, type DataSocket, type DataSocketOptions } from '../shell/data-socket.js';
import { createHostExchange } from '../shell/host-exchange.js';
import { HostMemory } from '../shell/host-memory.js';
import { payloadBytes } from '../shell/payload-memory.js';
import { createPeerExchange } from '../shell/peer-exchange.js';
import { PeerSockets } from '../shell/peer-sockets.js';

export interface BenchTask {
  readonly transport: Transport;
  readonly topology: Topology;
  readonly wire: WireType;
  readonly member: number;
  /** Members; with topology `star` the last one is the hub. */
  readonly members: number;
  readonly bytes: readonly number[];
  /** Before every round, in milliseconds. */
  readonly pauseMs: number;
  /** Prefix of the names of the memories that the parent made, one a size. */
  readonly name: string;
  readonly sumModule: string | null;
  readonly socket: DataSocketOptions;
}

/** What a member's socket is, for the others. */
export interface BenchPeer {
  readonly endpoint: string;
  readonly publicKey: string;
}

/** Milliseconds of every round of one size, as member 0 sees it. */
export interface BenchTimes {
  /** Until the sum could be read here. */
  readonly readable: readonly number[];
  /** Until the partials could be written again, too: the others have them. */
  readonly whole: readonly number[];
}

const WARM_UP_ROUNDS = 5;
const ROUNDS_MAX = 200;
const ROUNDS_MIN = 8;
/** Bytes that a size may move in all, before the rounds are fewer. */
const BYTES_PER_SIZE = 4e8;

export function assignmentOf(task: Pick<BenchTask, 'members' | 'topology'>): ShardAssignment {
  const hub = task.topology === 'star' ? task.members - 1 : null;
  return assignShards(hub === null ? task.members : task.members - 1, task.members, hub);
}

/** Memory of one size, or of the barrier between rounds. */
export function benchPlan(members: number, shards: number, floats: number): HostMemoryPlan {
  return { members, shards, stateFloats: 0, vectorFloats: { discriminator: floats, generator: 0 } };
}

interface Member {
  readonly task: BenchTask;
  readonly assignment: ShardAssignment;
  readonly sockets: PeerSockets | null;
  readonly control: ControlWords;
}

const NETWORK = ['discriminator'] as const;
let sum = jsVectorSum;

/** Sums own segment in place, as Gloo does, into the first partial; what a peer exchange returns is the sum already. */
function makeApply(exchange: Exchange): () => void {
  const { start, end } = exchange.segment('discriminator');
  const [first, ...others] = exchange.reduceInputs('discriminator').map((input) => input.subarray(start, end));
  return () => {
    for (let index = 0; index < others.length; index++) sum.add(first!, first!, others[index]!);
  };
}

function createExchange(member: Member, memory: HostMemory, generation: number): Exchange {
  const { task, assignment, sockets, control } = member;
  const common = { assignment, topology: task.topology, wire: task.wire, member: task.member, control };
  if (sockets === null) return createHostExchange({ ...common, memory });
  const own = assignment.members[task.member]!;
  const floats = memory.plan.vectorFloats.discriminator;
  const shards = own.end - own.start;
  const plan = benchPlan(task.members, shards, floats);
  const privateMemory = HostMemory.private(plan, 0, payloadBytes(plan, task.members, task.wire));
  return createPeerExchange({ ...common, memory: privateMemory, sockets, sum, run: 1n, generation });
}

async function benchSize(member: Member, index: number): Promise<BenchTimes> {
  const { task, assignment, control } = member;
  const bytes = task.bytes[index]!;
  const floats = Math.max(1, Math.floor(bytes / 4));
  const shards = assignment.shards;
  const memory = HostMemory.open(`${task.name}-${index}`, benchPlan(task.members, shards, floats));
  const barrierMemory = HostMemory.open(`${task.name}-${index}-barrier`, benchPlan(task.members, task.members, 0));
  const barrier = createHostExchange({
    memory: barrierMemory,
    assignment: assignShards(task.members, task.members),
    topology: 'direct',
    member: task.member,
    control,
  });
  const exchange = createExchange(member, memory, index + 1);
  const own = assignment.members[task.member]!;
  const fill = (): void => {
    for (let shard = own.start; shard < own.end; shard++) exchange.partial('discriminator', shard).fill(1);
  };
  const apply = makeApply(exchange);
  const readable: number[] = [];
  const whole: number[] = [];
  const rounds = Math.max(ROUNDS_MIN, Math.min(ROUNDS_MAX, Math.floor(BYTES_PER_SIZE / bytes)));
  for (let round = 1; round <= rounds + WARM_UP_ROUNDS; round++) {
    // As in training: sums may have taken the place of the partials.
    fill();
    await (task.pauseMs > 0 ? sleep(task.pauseMs) : yieldToEvents());
    barrier.gather(round, NETWORK);
    const start = performance.now();
    // Nothing to wait for is not waited for: a synchronous exchange stays one.
    const gathered = exchange.gather(round, NETWORK);
    if (gathered instanceof Promise) await gathered;
    apply();
    const summed = performance.now();
    const committed = exchange.commit(round);
    if (committed instanceof Promise) await committed;
    if (round <= WARM_UP_ROUNDS) continue;
    readable.push(summed - start);
    whole.push(performance.now() - start);
  }
  check(exchange.reduceInputs('discriminator')[0]!, shards, task);
  await exchange.close();
  memory.close();
  barrierMemory.close();
  return { readable, whole };
}

function check(result: Float32Array, expected: number, task: BenchTask): void {
  const wrong = result.findIndex((value) => value !== expected);
  if (wrong < 0) return;
  throw new GantryError(
    'GANTRY_INTERNAL',
    `all-reduce over ${task.transport}: float ${wrong} is ${result[wrong]}, not ${expected}`,
  );
}

async function loadSum(module: string | null): Promise<VectorSum> {
  if (module === null) return jsVectorSum;
  const { createVectorSum } = (await import(module)) as { createVectorSum(): VectorSum | null };
  return createVectorSum() ?? jsVectorSum;
}

function nextMessage<T>(): Promise<T> {
  return new Promise((resolve) => process.once('message', (message) => resolve(message as T)));
}

async function connect(task: BenchTask): Promise<PeerSockets | null> {
  if (task.transport === 'shm') return null;
  const bound: DataSocket = await bindDataSocket(task.transport, task.socket);
  const told = nextMessage<BenchPeer[]>();
  const own: BenchPeer = { endpoint: bound.endpoint, publicKey: bound.publicKey };
  process.send!(own);
  const peers = await told;
  return new PeerSockets(
    bound,
    peers.map(({ endpoint }, index) => (index === task.member ? null : endpoint)),
    peers.map(({ publicKey }) => publicKey),
  );
}

async function main(): Promise<void> {
  const received = nextMessage<BenchTask>();
  process.send!('ready');
  const task = await received;
  sum = await loadSum(task.sumModule);
  const member = { task, assignment: assignmentOf(task), sockets: await connect(task), control: new ControlWords() };
  const times: BenchTimes[] = [];
  for (let index = 0; index < task.bytes.length; index++) times.push(await benchSize(member, index));
  process.send!(times);
  member.sockets?.close();
  process.disconnect();
}

// Only as a program: its types and plans are imported by the parent.
if (process.send && process.argv[1]?.endsWith('allreduce-worker.js')) await main();
