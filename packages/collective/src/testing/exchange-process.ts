// One member of an exchange, as a process of its own: the tests fork it. It talks to its parent through messages.
import { createHash } from 'node:crypto';
import { NETWORKS, type NetworkName, type Topology, type Transport, type WireType } from '@gantry/common';
import { assignShards } from '../core/assignment.js';
import type { Exchange } from '../core/exchange.js';
import type { HostMemoryPlan } from '../core/host-layout.js';
import { reduceOrder } from '../core/tree.js';
import { jsVectorSum } from '../core/vector-sum.js';
import { ControlWords } from '../shell/control-words.js';
import { bindDataSocket } from '../shell/data-socket.js';
import { createHostExchange } from '../shell/host-exchange.js';
import { HostMemory } from '../shell/host-memory.js';
import { createPeerExchange } from '../shell/peer-exchange.js';
import { PeerSockets } from '../shell/peer-sockets.js';
import { fillAwkward, gradientSeed } from './reference.js';

export interface ExchangeTask {
  readonly transport: Transport;
  /** tcp: with keys. */
  readonly encrypted?: boolean;
  readonly topology: Topology;
  readonly wire: WireType;
  readonly member: number;
  readonly members: number;
  readonly hub: number | null;
  readonly shards: number;
  readonly vectorFloats: Readonly<Record<NetworkName, number>>;
  /** By update: the networks in it. */
  readonly updates: readonly (readonly NetworkName[])[];
  /** shm: name of the memory that the parent made. */
  readonly name: string;
  /** Ask to stop after this update; null: never. */
  readonly stopAfter: number | null;
}

/** What members tell each other through the coordinator. */
export interface PeerAddress {
  readonly endpoint: string;
  readonly publicKey: string;
}

export interface ExchangeReport {
  /** By update: SHA-256 of the sums of its networks, one after the other. */
  readonly sums: readonly string[];
  readonly stoppedBefore: number | null;
}

export function planOf(task: Pick<ExchangeTask, 'members' | 'vectorFloats'>, shards: number): HostMemoryPlan {
  const stateFloats = task.vectorFloats.discriminator + task.vectorFloats.generator;
  return { members: task.members, shards, stateFloats, vectorFloats: task.vectorFloats };
}

/** Sums own segments of the inputs along the tree into the image, as an update program would. */
function applyUpdate(exchange: Exchange, network: NetworkName, image: Float32Array): void {
  const { start, end } = exchange.segment(network);
  const slots = exchange.reduceInputs(network).map((input) => input.slice(start, end));
  const leaves = slots.map((_, index) => ({ start: index, end: index + 1 }));
  for (const { left, right } of reduceOrder(leaves, { start: 0, end: slots.length })) {
    jsVectorSum.add(slots[left]!, slots[left]!, slots[right]!);
  }
  image.set(slots[0]!, start);
}

async function run(task: ExchangeTask, exchange: Exchange, memory: HostMemory): Promise<ExchangeReport> {
  const own = assignShards(task.shards, task.members, task.hub).members[task.member]!;
  const sums: string[] = [];
  for (let update = 1; update <= task.updates.length; update++) {
    const networks = task.updates[update - 1]!;
    for (const network of networks) {
      for (let shard = own.start; shard < own.end; shard++) {
        fillAwkward(
          exchange.partial(network, shard),
          gradientSeed({ update, network: NETWORKS.indexOf(network), shard }),
        );
      }
    }
    if ((await exchange.gather(update, networks)) === 'stopped') return { sums, stoppedBefore: update };
    const image = memory.images[update & 1]!;
    const at = (network: NetworkName) => (network === 'generator' ? task.vectorFloats.discriminator : 0);
    const slice = (network: NetworkName) => image.subarray(at(network), at(network) + task.vectorFloats[network]);
    for (const network of networks) applyUpdate(exchange, network, slice(network));
    await exchange.commit(update);
    const hash = createHash('sha256');
    for (const network of networks) hash.update(slice(network));
    sums.push(hash.digest('hex'));
  }
  return { sums, stoppedBefore: null };
}

function nextMessage<T>(): Promise<T> {
  return new Promise((resolve) => process.once('message', (message) => resolve(message as T)));
}

async function main(): Promise<void> {
  const received = nextMessage<ExchangeTask>();
  process.send!('ready');
  const task = await received;
  const { topology, wire, member, transport } = task;
  const assignment = assignShards(task.shards, task.members, task.hub);
  const control = new ControlWords();
  if (task.stopAfter !== null) control.stopAfter(task.stopAfter);
  if (transport === 'shm') {
    const memory = HostMemory.open(task.name, planOf(task, task.shards));
    const exchange = createHostExchange({ memory, assignment, topology, wire, member, control });
    process.send!(await run(task, exchange, memory));
    memory.close();
  } else {
    const bound = await bindDataSocket(transport, { encrypted: task.encrypted ?? false });
    const peers = nextMessage<PeerAddress[]>();
    const { endpoint: ownEndpoint, publicKey } = bound;
    process.send!({ endpoint: ownEndpoint, publicKey } satisfies PeerAddress);
    const sockets = new PeerSockets(
      bound,
      (await peers).map(({ endpoint }, index) => (index === member ? null : endpoint)),
      (await peers).map((peer) => peer.publicKey),
    );
    const own = assignment.members[member]!;
    const memory = HostMemory.private(planOf(task, own.end - own.start));
    const common = { memory, assignment, topology, wire, member, control, sockets };
    const exchange = createPeerExchange({ ...common, sum: jsVectorSum, run: 7n, generation: 1 });
    process.send!(await run(task, exchange, memory));
    await exchange.close();
    sockets.close();
  }
  process.disconnect();
}

await main();
