import type { DataSocket } from '@gantry/collective';
import { type Assignment, assert } from '@gantry/common';
import type { PreparationReport } from '@gantry/worker/core';
import { discard } from './host-memories.js';
import type { Wait } from './main-thread.js';
import { SimMetrics } from './sim-metrics.js';
import { type Prepared, prepareMember, unlinkMemory } from './sim-preparation.js';
import { SimTraining } from './sim-training.js';
import type { SimWorker } from './sim-worker.js';
import { parityOf } from './tiny-gan.js';

interface Held {
  readonly generation: number;
  readonly prepared: Prepared;
  readonly from: number;
  update: number;
}

/** The training side of a worker, as session.ts has it: what it holds, from one generation to the next. */
export class SimSession {
  readonly #worker: SimWorker;
  readonly #metrics: SimMetrics;
  #prepared: Prepared | null = null;
  #training: SimTraining | null = null;
  #held: Held | null = null;
  /** Of generations that did not train, or have ended. */
  #former: Held[] = [];
  #dataSocket: DataSocket | null = null;

  constructor(worker: SimWorker) {
    this.#worker = worker;
    this.#metrics = new SimMetrics(worker);
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
    this.#dataSocket = dataSocket;
    const copyHeld = (update: number) => this.#copyHeld(update);
    const { prepared, report } = yield* prepareMember({ worker, assignment, dataSocket, copyHeld });
    this.#prepared = prepared;
    if (this.#held !== null) this.#former.push(this.#held);
    const { generation, startUpdate } = assignment;
    this.#held = { generation, prepared, from: startUpdate, update: startUpdate };
    if (!prepared.shared.isDiscarded) {
      worker.world.monitor.state(`${worker.name} is ready at ${startUpdate}`, startUpdate, report.stateSha256);
    }
    return report;
  }

  pause(): void {
    const prepared = this.#prepared;
    this.#prepared = null;
    if (prepared !== null) this.#metrics.flush();
    if (prepared !== null && this.#held?.prepared === prepared) {
      const applied = prepared.exchange.appliedByAll() ?? this.#worker.progress.committed;
      this.#held.update = Math.max(this.#held.update, applied);
    }
    if (prepared !== null) unlinkMemory(this.#worker, prepared.assignment);
    prepared?.close();
    this.#dataSocket?.close(false);
    this.#dataSocket = null;
  }

  sendState(update: number): void {
    this.#worker.stream(update, this.#copyHeld(update));
  }

  settleMemory(): void {
    if (this.#prepared !== null) unlinkMemory(this.#worker, this.#prepared.assignment);
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
    assert(this.#prepared !== null, 'a session is prepared before it trains');
    this.#training = new SimTraining(this.#worker, this.#prepared, this.#metrics);
    return yield* this.#training.run(startUpdate);
  }

  *deliver(committed: number): Generator<Wait, string, void> {
    assert(this.#training !== null, 'a session trains before it delivers');
    return yield* this.#training.deliver(committed);
  }

  #copyHeld(update: number): Float32Array<ArrayBuffer> {
    const held = this.#held;
    assert(held !== null && !held.prepared.shared.isDiscarded, `no state of update ${update} is held`);
    assert(Math.abs(held.update - update) <= 1, `update ${update} of a held ${held.update}`);
    assert(update >= held.from, `update ${update} of a generation from ${held.from}`);
    return held.prepared.images.copy(parityOf(update, this.#worker.world.config));
  }
}
