import { GantryError, STATES_IN_FLIGHT_MAX } from '@gantry/common';
import { commitsBefore, isCompared, planUpdate, totalUpdates, type UpdatePlan, updatesPerStep } from '@gantry/gan';
import { tellsHash } from '@gantry/worker/core';
import type { SharedHostMemory } from './host-memories.js';
import { delay, expectReady, until, type Wait } from './main-thread.js';
import type { SimMetrics } from './sim-metrics.js';
import { notifyOthers, type Prepared } from './sim-preparation.js';
import type { SimWorker } from './sim-worker.js';
import { applyUpdate, hashState, parityOf, writeGradient } from './tiny-gan.js';

const YIELD_EVERY_MS = 50;

interface LoopEnd {
  readonly committed: number;
  /** By wish, before the last step. */
  readonly stopped: boolean;
}

/** One generation of a member: what training-loop.ts, state-verifier.ts and leader-duties.ts do, on tiny vectors. */
export class SimTraining {
  readonly #worker: SimWorker;
  readonly #prepared: Prepared;
  readonly #metrics: SimMetrics;
  /** Updates whose states are on their way from the leader, oldest first. */
  readonly #streams: number[] = [];
  #toldUpdate = -1;
  #toldHash = '';

  constructor(worker: SimWorker, prepared: Prepared, metrics: SimMetrics) {
    this.#worker = worker;
    this.#prepared = prepared;
    this.#metrics = metrics;
  }

  *run(startUpdate: number): Generator<Wait, { committed: number; announce: boolean }, void> {
    const end = yield* this.#loop(startUpdate);
    this.#metrics.flush();
    return { committed: end.committed, announce: end.stopped && this.#prepared.role.leader };
  }

  /** The last state: told of, and from the leader sent. Gives its SHA-256. */
  *deliver(committed: number): Generator<Wait, string, void> {
    const { role, shared } = this.#prepared;
    const { monitor } = this.#worker.world;
    if (this.#toldUpdate !== committed) this.#tellHash(committed);
    const sha256 = this.#hashAt(committed);
    // Of memory that was given back nobody hears.
    if (!shared.isDiscarded) monitor.state(`${this.#worker.name} is done at ${committed}`, committed, sha256);
    if (!role.leader) return sha256;
    if (this.#streams.at(-1) !== committed) yield* this.#save(committed);
    return yield* this.#delivered(committed);
  }

  *#loop(startUpdate: number): Generator<Wait, LoopEnd, void> {
    const worker = this.#worker;
    const { role, exchange } = this.#prepared;
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
      this.#metrics.computed(computeMs);
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
        this.#metrics.endStep(plan.step, isWhole ? role.shards.length : null);
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
    return slower === undefined ? 1 : (slower * this.#prepared.role.shards.length) / 2;
  }

  /** Others who share this memory look at its words when this member has changed them. */
  #signal<T>(action: () => T): T {
    const { world, name } = this.#worker;
    const { shared, assignment } = this.#prepared;
    if (assignment.sharedMemory !== '') world.steps.take(`${name} writes to the memory of its host`);
    if (!this.#worker.alive) throw new Error('its process has ended');
    const before = wordsOf(shared);
    try {
      return action();
    } finally {
      if (wordsOf(shared) !== before) notifyOthers(shared, this.#worker.main.wake);
    }
  }

  #compute({ update, networks }: UpdatePlan): void {
    const { role, exchange } = this.#prepared;
    const weights = this.#committedAt(update);
    for (const network of networks) {
      for (const shard of role.shards)
        writeGradient(exchange.partial(network, shard), { update, shard, network }, weights);
    }
  }

  #update({ update, networks }: UpdatePlan): void {
    const { exchange, images } = this.#prepared;
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
    const { assignment, shared } = this.#prepared;
    // What it does in memory that was given back, whoever was taken for lost, is no commit.
    if (shared.isDiscarded) return;
    this.#worker.world.monitor.committed(this.#worker.name, assignment, update, this.#hashAt(update));
  }

  /** What GANTRY_FAULT=flip does: only where there is another replica that can tell. */
  #flip(update: number): void {
    const worker = this.#worker;
    const { assignment } = this.#prepared;
    const { config, monitor, random } = worker.world;
    const onHost = assignment.members.filter(({ host }) => host === worker.host);
    if (!worker.isToFlip || !tellsHash(0, assignment, config.transport)) return;
    worker.isToFlip = false;
    const [weights] = this.#committedAt(update);
    const bits = new Int32Array(weights!.buffer, weights!.byteOffset, weights!.length);
    // Each worker has bits of its own, another one each time: two replicas that are damaged alike could not be told apart, nor one whose
    // damage is undone by the next.
    bits[random.integer(0, bits.length - 1)]! ^= 1 << (12 + ((worker.options.pid + 5 * worker.flips++) % 11));
    monitor.poisoned(worker.name, update, config.transport === 'shm' && onHost.length > 1);
  }

  /** What state-verifier.ts does. */
  #tellHash(update: number): void {
    const { role, assignment } = this.#prepared;
    const { config } = this.#worker.world;
    if (config.verifyEvery === 0 || !tellsHash(role.member, assignment, config.transport)) return;
    this.#toldUpdate = update;
    this.#toldHash = this.#hashAt(update);
    this.#worker.send({ kind: 'stateHash', atUpdate: update, hash: this.#toldHash });
  }

  *#afterStep(stepsDone: number, committed: number): Generator<Wait, void, void> {
    const { checkpointEvery, steps } = this.#worker.world.config;
    if (!this.#prepared.role.leader || stepsDone === steps || checkpointEvery === 0) return;
    if (stepsDone % checkpointEvery === 0) yield* this.#save(committed);
  }

  *#save(committed: number): Generator<Wait, void, void> {
    const worker = this.#worker;
    worker.progress.enter('saving');
    const { main } = worker;
    if (this.#streams.length >= STATES_IN_FLIGHT_MAX) {
      const wasBlocked = main.isBlocked;
      main.unblock();
      yield* this.#delivered(this.#streams.shift()!);
      if (wasBlocked) main.block();
    }
    this.#confirm(committed);
    const state = this.#prepared.images.copy(parityOf(committed, worker.world.config));
    this.#streams.push(committed);
    worker.stream(committed, state);
  }

  /** What StateVerifier.confirm does. */
  #confirm(update: number): void {
    if (this.#toldUpdate === update && this.#hashAt(update) !== this.#toldHash) {
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

  #committedAt(update: number): Float32Array[] {
    return this.#prepared.images.committed(parityOf(update, this.#worker.world.config));
  }

  #hashAt(update: number): string {
    return hashState(this.#committedAt(update));
  }
}

/** All words of a memory, so that a change shows. */
function wordsOf({ memory }: SharedHostMemory): string {
  const words = [...memory.ready, ...memory.summed, ...memory.applied].map(({ value }) => value);
  return [...words, Atomics.load(memory.decision, 0)].join();
}
