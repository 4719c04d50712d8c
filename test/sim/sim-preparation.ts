import {
  createClusterExchange,
  createHostExchange,
  createPeerExchange,
  type DataSocket,
  type Exchange,
  type HostMemoryPlan,
  jsVectorSum,
  type NetworkCosts,
  networkCosts,
  PeerSockets,
  planHosts,
} from '@gantry/collective';
import {
  type Assignment,
  GantryError,
  type LinkCosts,
  type NetworkName,
  type RunConfig,
  UNMEASURED,
} from '@gantry/common';
import { type MemberRole, type PreparationReport, roleOf, StateImages, shardRanges } from '@gantry/worker/core';
import { privateMemory, type SharedHostMemory } from './host-memories.js';
import { delay, expectReady, until, type Wait } from './main-thread.js';
import type { SimWorker } from './sim-worker.js';
import { hashState, initialState, parityOf, STATE_LAYOUT, VECTOR_FLOATS } from './tiny-gan.js';

const MEMORY_OPEN_MS_MAX = 60_000;
const MEMORY_RETRY_MS = 5;
const PROGRAM_HASH = 'program';

/** What a member of a generation trains with. */
export interface Prepared {
  readonly role: MemberRole;
  readonly assignment: Assignment;
  readonly shared: SharedHostMemory;
  readonly images: StateImages;
  readonly exchange: Exchange;
  close(): void;
}

export interface PreparationInputs {
  readonly worker: SimWorker;
  readonly assignment: Assignment;
  readonly dataSocket: DataSocket | null;
  /** A copy of the state after an update that the worker holds. */
  readonly copyHeld: (update: number) => Float32Array<ArrayBuffer>;
}

/** What prepare.ts, place-memory.ts and connect.ts of a worker do: memory, starting state, exchange; then the wait for the state of its host. */
export function* prepareMember(
  inputs: PreparationInputs,
): Generator<Wait, { readonly prepared: Prepared; readonly report: PreparationReport }, void> {
  const { worker, assignment, dataSocket } = inputs;
  const { world } = worker;
  const role = roleOf(worker.state.worker, assignment, world.config.transport);
  const shared = yield* placeMemory(worker, assignment, role);
  let exchange: Exchange | null = null;
  let stopWatching = (): void => {};
  try {
    const images = new StateImages(STATE_LAYOUT, shared.memory.images as [Float32Array, Float32Array]);
    const parity = parityOf(assignment.startUpdate, world.config);
    const { maker } = role;
    const { wake } = worker.main;
    if (role.place !== 'attached') {
      images.write(yield* startingState(inputs, role), parity);
      shared.memory.applied[maker]!.publish(assignment.startUpdate);
      notifyOthers(shared, wake);
    }
    const made = connect(inputs, role, shared);
    exchange = made;
    shared.watchers.add(wake);
    stopWatching = () => shared.watchers.delete(wake);
    yield delay(world.pace.compileMs * world.random.between(0.05, 0.3));
    yield* until(() => {
      worker.control.beginWait();
      worker.control.throwIfAborted(assignment.startUpdate, 'the state of this host');
      expectReady(shared.memory.applied[maker]!.value - assignment.startUpdate >= 0);
    });
    worker.progress.committed = assignment.startUpdate;
    const stateSha256 = hashState(images.committed(parity));
    const close = (): void => {
      stopWatching();
      void made.close();
      dataSocket?.close(false);
    };
    const prepared: Prepared = { role, assignment, shared, images, exchange, close };
    return { prepared, report: reportOf(role, { network: networkOf(worker, assignment), stateSha256 }) };
  } catch (error) {
    stopWatching();
    unlinkMemory(worker, assignment);
    void exchange?.close();
    throw error;
  }
}

/** Takes the name of a generation's memory away; whoever has mapped it keeps it. */
export function unlinkMemory({ world, host }: SimWorker, { sharedMemory }: Assignment): void {
  if (sharedMemory !== '') world.memories.unlink(host, sharedMemory);
}

/** Others who have mapped a memory look at it. */
export function notifyOthers({ watchers }: SharedHostMemory, own: () => void): void {
  for (const wake of watchers) if (wake !== own) wake();
}

function* placeMemory(
  { world, host, control }: SimWorker,
  assignment: Assignment,
  role: MemberRole,
): Generator<Wait, SharedHostMemory, void> {
  const { sharedMemory, startUpdate, members } = assignment;
  const plan: HostMemoryPlan = {
    members: role.sharers.length,
    shards: role.sharers.reduce((sum, index) => sum + members[index]!.shards.length, 0),
    sums: spansHosts(world.config, assignment),
    stateFloats: STATE_LAYOUT.length,
    vectorFloats: VECTOR_FLOATS satisfies Readonly<Record<NetworkName, number>>,
  };
  if (sharedMemory === '' || plan.members === 1) return privateMemory(plan, startUpdate - 1);
  if (role.place !== 'attached') return world.memories.create(host, sharedMemory, plan, startUpdate - 1);
  const deadlineMs = world.clock.nowMs + MEMORY_OPEN_MS_MAX;
  for (;;) {
    control.throwIfAborted(startUpdate, 'the shared memory of this host');
    const opened = world.memories.open(host, sharedMemory);
    if (opened !== null) return opened;
    if (world.clock.nowMs > deadlineMs) throw new GantryError('GANTRY_SHARED_MEMORY_FAILED', 'it is not there');
    yield delay(MEMORY_RETRY_MS);
  }
}

function* startingState(
  { worker, assignment, copyHeld }: PreparationInputs,
  { place }: MemberRole,
): Generator<Wait, Float32Array, void> {
  if (place === 'initial') return initialState();
  if (place === 'copied') return copyHeld(assignment.startUpdate);
  worker.beginReceiving();
  const { update, sha256, state } = yield* until(() => {
    const received = worker.takeReceived();
    expectReady(received !== null);
    return received!;
  });
  const expected = assignment.stateSha256 === '' ? sha256 : assignment.stateSha256;
  if (update === assignment.startUpdate && sha256 === expected && state.length === STATE_LAYOUT.length) return state;
  throw new GantryError(
    'GANTRY_CHECKPOINT_INVALID',
    `the state of ${update} is not the one of ${assignment.startUpdate}`,
  );
}

function connect(
  { worker, assignment, dataSocket }: PreparationInputs,
  role: MemberRole,
  shared: SharedHostMemory,
): Exchange {
  const { control, world } = worker;
  const common = {
    memory: shared.memory,
    assignment: shardRanges(assignment),
    topology: world.config.topology,
    member: role.member,
    control,
    ...costsOf(networkOf(worker, assignment)),
  };
  const connectTo = (peers: readonly number[]) => {
    const endpoints = peers.map((index) => (index === role.member ? null : assignment.members[index]!.dataEndpoint));
    const sockets = new PeerSockets(dataSocket!, endpoints);
    return { sockets, sum: jsVectorSum, run: 1n, generation: assignment.generation };
  };
  if (world.config.transport !== 'shm') {
    return createPeerExchange({ ...common, ...connectTo([...assignment.members.keys()]) });
  }
  if (!spansHosts(world.config, assignment)) return createHostExchange({ ...common, member: role.sharer, spin: 0 });
  const hosts = assignment.members.map(({ host }) => host);
  const plan = planHosts({ assignment: common.assignment, hosts, member: role.member, vectorFloats: VECTOR_FLOATS });
  const lane = plan.peers === null ? null : connectTo(plan.peers);
  return createClusterExchange({ ...common, plan, lane, spin: 0 });
}

/** With topology auto: what was measured before, or is now, which is the same for all. */
function networkOf({ world: { config, pace } }: SimWorker, { network, members }: Assignment): LinkCosts {
  if (config.topology !== 'auto' || members.length === 1) return UNMEASURED;
  return network.latencyUs > 0 ? network : pace.network;
}

function costsOf(network: LinkCosts): { readonly costs?: NetworkCosts } {
  return network.latencyUs === 0 ? {} : { costs: networkCosts(network) };
}

/** Workers of several hosts, each with memory that they share. */
function spansHosts({ transport }: RunConfig, { members }: Assignment): boolean {
  return transport === 'shm' && new Set(members.map(({ host }) => host)).size > 1;
}

function reportOf(
  { leader, shards }: MemberRole,
  { network, stateSha256 }: { readonly network: LinkCosts; readonly stateSha256: string },
): PreparationReport {
  return {
    // A hub has none.
    programHash: shards.length === 0 ? '' : PROGRAM_HASH,
    stateSha256,
    device: 'cpu',
    deviceReason: '',
    engine: 'sim',
    threads: 1,
    stateLayoutJson: leader ? JSON.stringify({ length: STATE_LAYOUT.length }) : '',
    network,
    topology: '',
  };
}
