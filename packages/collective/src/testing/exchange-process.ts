// One member of an exchange, as a process of its own: the tests fork it. It talks to its parent through messages.
import { createHash } from 'node:crypto';
import { NETWORKS, type NetworkName } from '@gantry/common';
import { assignShards } from '../core/assignment.js';
import type { Exchange } from '../core/exchange.js';
import { reduceOrder } from '../core/tree.js';
import { jsVectorSum } from '../core/vector-sum.js';
import { createClusterExchange } from '../shell/cluster-exchange.js';
import { ControlWords } from '../shell/control-words.js';
import { bindDataSocket, type DataSocket } from '../shell/data-socket.js';
import { createHostExchange } from '../shell/host-exchange.js';
import { HostMemory } from '../shell/host-memory.js';
import { createPeerExchange } from '../shell/peer-exchange.js';
import { PeerSockets } from '../shell/peer-sockets.js';
import {
  type ExchangeReport,
  type ExchangeTask,
  hostPlanOf,
  hostsOf,
  memoryName,
  type PeerAddress,
  planOf,
} from './exchange-task.js';
import { fillAwkward, gradientSeed } from './reference.js';

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

/** Tells the parent where this member is reached, and learns it of the others. */
async function meetPeers(task: ExchangeTask): Promise<{ bound: DataSocket; peers: readonly PeerAddress[] }> {
  const transport = task.transport === 'ipc' ? 'ipc' : 'tcp';
  const bound = await bindDataSocket(transport, { encrypted: task.encrypted ?? false });
  const peers = nextMessage<PeerAddress[]>();
  process.send!({ endpoint: bound.endpoint, publicKey: bound.publicKey } satisfies PeerAddress);
  return { bound, peers: await peers };
}

/** Own place null, as the sockets take it. */
function connectTo(bound: DataSocket, peers: readonly PeerAddress[], own: number): PeerSockets {
  const endpoints = peers.map(({ endpoint }, index) => (index === own ? null : endpoint));
  return new PeerSockets(
    bound,
    endpoints,
    peers.map(({ publicKey }) => publicKey),
  );
}

async function runHosts(
  task: ExchangeTask & { readonly hosts: readonly string[] },
  control: ControlWords,
): Promise<void> {
  const plan = hostsOf(task);
  const { bound, peers } = await meetPeers(task);
  const connected = plan.peers?.map((member) => peers[member]!);
  const sockets = connected === undefined ? null : connectTo(bound, connected, plan.host);
  const memory = HostMemory.open(memoryName(task, plan.host), hostPlanOf(task, plan));
  const lane = sockets === null ? null : { sockets, sum: jsVectorSum, run: 7n, generation: 1 };
  const { topology, wire } = task;
  const exchange = createClusterExchange({ memory, plan, topology, wire, control, lane });
  process.send!(await run(task, exchange, memory));
  await exchange.close();
  sockets?.close();
  bound.close();
  memory.close();
}

async function main(): Promise<void> {
  const received = nextMessage<ExchangeTask>();
  process.send!('ready');
  const task = await received;
  const { topology, wire, member, transport, hosts } = task;
  const assignment = assignShards(task.shards, task.members, task.hub);
  const control = new ControlWords();
  if (task.stopAfter !== null) control.stopAfter(task.stopAfter);
  if (hosts !== undefined) await runHosts({ ...task, hosts }, control);
  else if (transport === 'shm') {
    const memory = HostMemory.open(task.name, planOf(task, task.shards));
    const exchange = createHostExchange({ memory, assignment, topology, wire, member, control });
    process.send!(await run(task, exchange, memory));
    memory.close();
  } else {
    const { bound, peers } = await meetPeers(task);
    const sockets = connectTo(bound, peers, member);
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
