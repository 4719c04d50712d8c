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
  assert,
  GantryError,
  type LinkCosts,
  type NetworkName,
  type RunConfig,
  type StepMetrics,
  UNMEASURED,
} from '@gantry/common';
import { commitsBefore, isCompared, planUpdate, totalUpdates, type UpdatePlan, updatesPerStep } from '@gantry/gan';
import {
  type MemberRole,
  type PreparationReport,
  roleOf,
  StateImages,
  shardRanges,
  tellsHash,
} from '@gantry/worker/core';
import { discard, privateMemory, type SharedHostMemory } from './host-memories.js';
import { delay, expectReady, until, type Wait } from './main-thread.js';
import type { SimWorker } from './sim-worker.js';
import {
  applyUpdate,
  hashState,
  initialState,
  parityOf,
  STATE_LAYOUT,
  VECTOR_FLOATS,
  writeGradient,
} from './tiny-gan.js';

const SNAPSHOTS_IN_FLIGHT_MAX = 2;
const METRICS_EVERY_MS = 250;
const YIELD_EVERY_MS = 50;
const MEMORY_OPEN_MS_MAX = 60_000;
const MEMORY_RETRY_MS = 5;
export const PROGRAM_HASH = 'program';

interface Prepared {
  readonly role: MemberRole;
  readonly assignment: Assignment;
  readonly shared: SharedHostMemory;
  readonly images: StateImages;
  readonly exchange: Exchange;
  close(): void;
}

interface Held {
  readonly generation: number;
  readonly prepared: Prepared;
  readonly from: number;
  update: number;
}

/** The training side of a worker: what session.ts, prepare.ts, training-loop.ts and leader-duties.ts do, on tiny vectors. */
export class SimSession {
  readonly #worker: SimWorker;
  #prepared: Prepared | null = null;
  #held: Held | null = null;
  /** Of generations that did not train, or have ended. */
  #former: Held[] = [];
  #dataSocket: DataSocket | null = null;
  /** States of the leader on their way, oldest first. */
  #streams: number[] = [];
  #rows: StepMetrics[] = [];
  #sentMs = 0;
  /** Of the step in hand. */
  #computedMs = 0;
  #toldUpdate = -1;
  #toldHash = '';

  constructor(worker: SimWorker) {
    this.#worker = worker;
  }

  get held() {
    const held = this.#held?.prepared.shared.isDiscarded ? null : this.#held;
    return { heldGeneration: held?.generation ?? 0, heldUpdate: held?.update ?? 0 };
  }

  /** What it has really committed: of the generation that it is in, if it is in one. */
  get committed(): { generation: number; update: number } {
    const { heldGeneration, heldUpdate } = this.held;
    const isRunning = this.#prepared !== null && this.#held?.prepared === this.#prepared;
    return { generation: heldGeneration, update: isRunning ? this.#worker.progress.committed : heldUpdate };
  }

  *prepare(assignment: Assignment, dataSocket: DataSocket | null): Generator<Wait, PreparationReport, void> {
    const worker = this.#worker;
    const { world } = worker;
    this.#dataSocket = dataSocket;
    const role = roleOf(worker.state.worker, assignment, world.config.transport);
    const shared = yield* this.#placeMemory(assignment, role);
    let exchange: Exchange | null = null;
    let stopWatching = (): void => {};
    try {
      const images = new StateImages(STATE_LAYOUT, shared.memory.images as [Float32Array, Float32Array]);
      const parity = parityOf(assignment.startUpdate, world.config);
      const { maker } = role;
      if (role.place !== 'attached') {
        images.write(yield* this.#startingState(assignment, role), parity);
        shared.memory.applied[maker]!.publish(assignment.startUpdate);
        notify(shared, worker.main.wake);
      }
      exchange = this.#connect(assignment, role, { shared, dataSocket });
      const { wake } = worker.main;
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
      const made = exchange;
      const close = (): void => {
        stopWatching();
        void made.close();
        dataSocket?.close(false);
      };
      const prepared: Prepared = { role, assignment, shared, images, exchange, close };
      this.#prepared = prepared;
      if (this.#held !== null) this.#former.push(this.#held);
      const { generation, startUpdate } = assignment;
      this.#held = { generation, prepared, from: startUpdate, update: startUpdate };
      if (!shared.isDiscarded) {
        world.monitor.state(
          `${worker.name} is ready at ${assignment.startUpdate}`,
          assignment.startUpdate,
          stateSha256,
        );
      }
      return this.#report(role, assignment, stateSha256);
    } catch (error) {
      stopWatching();
      this.#unlink(assignment);
      void exchange?.close();
      throw error;
    }
  }

  pause(): void {
    const prepared = this.#prepared;
    this.#prepared = null;
    if (prepared !== null) this.#flushMetrics();
    if (prepared !== null && this.#held?.prepared === prepared) {
      const applied = prepared.exchange.appliedByAll() ?? this.#worker.progress.committed;
      this.#held.update = Math.max(this.#held.update, applied);
    }
    if (prepared !== null) this.#unlink(prepared.assignment);
    prepared?.close();
    this.#dataSocket?.close(false);
    this.#dataSocket = null;
  }

  sendState(update: number): void {
    this.#worker.stream(update, this.#copyHeld(update));
  }

  settleMemory(): void {
    if (this.#prepared !== null) this.#unlink(this.#prepared.assignment);
    for (const { prepared } of this.#former) {
      if (prepared.assignment.sharedMemory !== '' && prepared.shared !== this.#prepared?.shared)
        discard(prepared.shared);
    }
    this.#former = [];
  }

  /** The process has ended: its mappings go. */
  die(): void {
    this.#prepared?.close();
  }

  *train(startUpdate: number): Generator<Wait, { committed: number; announce: boolean }, void> {
    const { role } = this.#ready();
    this.#streams = [];
    this.#toldUpdate = -1;
    const end = yield* this.#loop(startUpdate);
    this.#flushMetrics();
    return { committed: end.committed, announce: end.stopped && role.leader };
  }

  *deliver(committed: number): Generator<Wait, string, void> {
    const { role, images, shared } = this.#ready();
    const { config, monitor } = this.#worker.world;
    if (this.#toldUpdate !== committed) this.#tellHash(committed);
    const sha256 = hashState(images.committed(parityOf(committed, config)));
    // Of memory that was given back nobody hears.
    if (!shared.isDiscarded) monitor.state(`${this.#worker.name} is done at ${committed}`, committed, sha256);
    if (!role.leader) return sha256;
    if (this.#streams.at(-1) !== committed) yield* this.#save(committed);
    return yield* this.#delivered(committed);
  }

  *#loop(startUpdate: number): Generator<Wait, { committed: number; stopped: boolean }, void> {
    const worker = this.#worker;
    const { role, exchange } = this.#ready();
    const { control, progress, main, world } = worker;
    const { config, pace, random } = world;
    const total = totalUpdates(config);
    let plan = planUpdate(startUpdate, config);
    let atBoundary = startUpdate % updatesPerStep(config) === 0;
    let isWhole = atBoundary;
    let breathedMs = world.clock.nowMs;
    const wait = <T>(attempt: () => T) =>
      until(() => {
        control.beginWait();
        return this.#signal(attempt);
      });
    main.block();
    while (plan.update < total) {
      const update = plan.update + 1;
      const { networks } = plan;
      control.throwIfAborted(update, 'the next step');
      if (role.leader && atBoundary && progress.isStopWished) {
        progress.enter('gathering');
        control.stopAfter(plan.update);
        yield* wait(() => exchange.gather(update, networks));
        return { committed: plan.update, stopped: true };
      }
      progress.workingUpdate = update;
      progress.enter('computing');
      const computeMs = pace.computeMs * this.#slowness() * random.between(0.5, 1.5);
      this.#computedMs += computeMs;
      yield delay(computeMs);
      this.#compute(plan);
      this.#signal(() => exchange.publish(update, networks));
      progress.enter('loading');
      yield delay(pace.computeMs * random.between(0, 0.2));
      progress.enter('gathering');
      const gathered = yield* wait(() => exchange.gather(update, networks));
      if (gathered === 'stopped') return { committed: plan.update, stopped: true };
      progress.enter('updating');
      yield delay(pace.computeMs * random.between(0.05, 0.2));
      this.#update(plan);
      progress.enter('committing');
      yield* wait(() => exchange.commit(update));
      progress.committed = update;
      this.#check(update);
      this.#flip(update);
      if (isCompared(update, config)) this.#tellHash(update);
      if (plan.completesStep) {
        this.#endStep(plan.step, isWhole);
        isWhole = true;
        yield* this.#afterStep(plan.step + 1, update);
      }
      atBoundary = plan.completesStep;
      plan = planUpdate(update, config);
      if (world.clock.nowMs - breathedMs >= YIELD_EVERY_MS) {
        breathedMs = world.clock.nowMs;
        main.unblock();
        yield delay(0.1);
        main.block();
      }
    }
    return { committed: plan.update, stopped: false };
  }

  /** Where hosts are not equally fast, what a member computes takes as long as it has shards. */
  #slowness(): number {
    const { pace } = this.#worker.world;
    const slower = pace.slower.get(this.#worker.host);
    return slower === undefined ? 1 : (slower * this.#ready().role.shards.length) / 2;
  }

  /** Others who share this memory look at its words when this member has changed them. */
  #signal<T>(action: () => T): T {
    const { world, name } = this.#worker;
    const { shared, assignment } = this.#ready();
    if (assignment.sharedMemory !== '') world.steps.take(`${name} writes to the memory of its host`);
    if (!this.#worker.alive) throw new Error('its process has ended');
    const before = wordsOf(shared);
    try {
      return action();
    } finally {
      if (wordsOf(shared) !== before) notify(shared, this.#worker.main.wake);
    }
  }

  #compute({ update, networks }: UpdatePlan): void {
    const { role, exchange, images } = this.#ready();
    const weights = images.committed(parityOf(update, this.#worker.world.config));
    for (const network of networks) {
      for (const shard of role.shards)
        writeGradient(exchange.partial(network, shard), { update, shard, network }, weights);
    }
  }

  #update({ update, networks }: UpdatePlan): void {
    const { exchange, images } = this.#ready();
    const { config } = this.#worker.world;
    const commits = commitsBefore(update, config);
    for (const network of networks) {
      const from = (commits[network] % 2) as 0 | 1;
      const { start, end } = exchange.segment(network);
      applyUpdate(images.section(from, network, 'params')!, images.section((1 - from) as 0 | 1, network, 'params')!, {
        partials: exchange.reduceInputs(network),
        start,
        end,
        shards: config.shards,
      });
    }
  }

  #check(update: number): void {
    const { images, assignment, shared } = this.#ready();
    // What it does in memory that was given back, whoever was taken for lost, is no commit.
    if (shared.isDiscarded) return;
    const { monitor, config } = this.#worker.world;
    const hash = hashState(images.committed(parityOf(update, config)));
    monitor.committed(this.#worker.name, assignment, update, hash);
  }

  /** What GANTRY_FAULT=flip does: only where there is another replica that can tell. */
  #flip(update: number): void {
    const worker = this.#worker;
    const { images, assignment } = this.#ready();
    const { config, monitor, random } = worker.world;
    const onHost = assignment.members.filter(({ host }) => host === worker.host);
    if (!worker.isToFlip || !tellsHash(0, assignment, config.transport)) return;
    worker.isToFlip = false;
    const [weights] = images.committed(parityOf(update, config));
    const bits = new Int32Array(weights!.buffer, weights!.byteOffset, weights!.length);
    // Each worker has bits of its own, another one each time: two replicas that are damaged alike could not be told apart, nor one whose
    // damage is undone by the next.
    bits[random.integer(0, bits.length - 1)]! ^= 1 << (12 + ((worker.options.pid + 5 * worker.flips++) % 11));
    monitor.poisoned(worker.name, update, config.transport === 'shm' && onHost.length > 1);
  }

  /** What state-verifier.ts does. */
  #tellHash(update: number): void {
    const { role, assignment, images } = this.#ready();
    const { config } = this.#worker.world;
    if (config.verifyEvery === 0 || !tellsHash(role.member, assignment, config.transport)) return;
    this.#toldUpdate = update;
    this.#toldHash = hashState(images.committed(parityOf(update, config)));
    this.#worker.send({ kind: 'stateHash', atUpdate: update, hash: this.#toldHash });
  }

  *#afterStep(stepsDone: number, committed: number): Generator<Wait, void, void> {
    const { checkpointEvery, steps } = this.#worker.world.config;
    if (!this.#ready().role.leader || stepsDone === steps || checkpointEvery === 0) return;
    if (stepsDone % checkpointEvery === 0) yield* this.#save(committed);
  }

  *#save(committed: number): Generator<Wait, void, void> {
    const worker = this.#worker;
    worker.progress.enter('saving');
    const { main } = worker;
    if (this.#streams.length >= SNAPSHOTS_IN_FLIGHT_MAX) {
      const wasBlocked = main.isBlocked;
      main.unblock();
      yield* this.#delivered(this.#streams.shift()!);
      if (wasBlocked) main.block();
    }
    this.#confirm(committed);
    const state = this.#ready().images.copy(parityOf(committed, worker.world.config));
    this.#streams.push(committed);
    worker.stream(committed, state);
  }

  /** What StateVerifier.confirm does. */
  #confirm(update: number): void {
    const hash = hashState(this.#ready().images.committed(parityOf(update, this.#worker.world.config)));
    if (this.#toldUpdate === update && hash !== this.#toldHash) {
      throw new GantryError('GANTRY_REPLICA_DIVERGED', `the state after update ${update} changed while it was copied`);
    }
  }

  *#delivered(update: number): Generator<Wait, string, void> {
    const delivery = this.#worker.deliveryOf(update);
    return yield* until(() => {
      if (delivery.failed !== null) throw delivery.failed;
      expectReady(delivery.sha256 !== null);
      return delivery.sha256!;
    });
  }

  #endStep(step: number, isWhole: boolean): void {
    const { clock } = this.#worker.world;
    const computedMs = this.#computedMs;
    this.#computedMs = 0;
    if (isWhole) {
      const { role } = this.#ready();
      const count = role.shards.length;
      const phaseMs = [1, computedMs, 2, 1, 1];
      this.#rows.push({
        step,
        shards: count,
        sums: [1, 1, 1, 1, 1].map((one) => one * count),
        phaseMs,
        penalized: 0,
        endedMs: 0,
      });
    }
    if (clock.nowMs - this.#sentMs >= METRICS_EVERY_MS) this.#flushMetrics();
  }

  #flushMetrics(): void {
    this.#sentMs = this.#worker.world.clock.nowMs;
    if (this.#rows.length > 0) this.#worker.send({ kind: 'metrics', steps: this.#rows });
    this.#rows = [];
  }

  #copyHeld(update: number): Float32Array<ArrayBuffer> {
    const held = this.#held;
    assert(held !== null && !held.prepared.shared.isDiscarded, `no state of update ${update} is held`);
    assert(Math.abs(held.update - update) <= 1, `update ${update} of a held ${held.update}`);
    assert(update >= held.from, `update ${update} of a generation from ${held.from}`);
    return held.prepared.images.copy(parityOf(update, this.#worker.world.config));
  }

  *#startingState(assignment: Assignment, { place }: MemberRole): Generator<Wait, Float32Array, void> {
    const worker = this.#worker;
    if (place === 'initial') return initialState();
    if (place === 'copied') return this.#copyHeld(assignment.startUpdate);
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

  *#placeMemory(assignment: Assignment, role: MemberRole): Generator<Wait, SharedHostMemory, void> {
    const { world, host, control } = this.#worker;
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

  #unlink({ sharedMemory }: Assignment): void {
    if (sharedMemory !== '') this.#worker.world.memories.unlink(this.#worker.host, sharedMemory);
  }

  #connect(
    assignment: Assignment,
    role: MemberRole,
    { shared, dataSocket }: { shared: SharedHostMemory; dataSocket: DataSocket | null },
  ): Exchange {
    const { control, world } = this.#worker;
    const common = {
      memory: shared.memory,
      assignment: shardRanges(assignment),
      topology: world.config.topology,
      member: role.member,
      control,
      ...this.#costs(assignment),
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
  #network({ network, members }: Assignment): LinkCosts {
    const { config, pace } = this.#worker.world;
    if (config.topology !== 'auto' || members.length === 1) return UNMEASURED;
    return network.latencyUs > 0 ? network : pace.network;
  }

  #costs(assignment: Assignment): { readonly costs?: NetworkCosts } {
    const network = this.#network(assignment);
    return network.latencyUs === 0 ? {} : { costs: networkCosts(network) };
  }

  #report({ leader, shards }: MemberRole, assignment: Assignment, stateSha256: string): PreparationReport {
    return {
      // A hub has none.
      programHash: shards.length === 0 ? '' : PROGRAM_HASH,
      stateSha256,
      device: 'cpu',
      deviceReason: '',
      engine: 'sim',
      threads: 1,
      stateLayoutJson: leader ? JSON.stringify({ length: STATE_LAYOUT.length }) : '',
      network: this.#network(assignment),
      topology: '',
    };
  }

  #ready(): Prepared {
    assert(this.#prepared !== null, 'a session is prepared before it trains');
    return this.#prepared;
  }
}

/** Workers of several hosts, each with memory that they share. */
function spansHosts({ transport }: RunConfig, { members }: Assignment): boolean {
  return transport === 'shm' && new Set(members.map(({ host }) => host)).size > 1;
}

/** All words of a memory, so that a change shows. */
function wordsOf({ memory }: SharedHostMemory): string {
  const words = [...memory.ready, ...memory.summed, ...memory.applied].map(({ value }) => value);
  return [...words, Atomics.load(memory.decision, 0)].join();
}

function notify({ watchers }: SharedHostMemory, own: () => void): void {
  for (const wake of watchers) if (wake !== own) wake();
}
