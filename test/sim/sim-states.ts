import { type Envelope, GantryError } from '@gantry/common';
import type { CoordinatorEvent, Effect } from '@gantry/coordinator/core';
import type { SimCheckpoint } from './disk.js';
import type { SimProcess } from './process.js';
import { hashState } from './tiny-gan.js';
import { Turns } from './turns.js';

const READ_MS_MAX = 30;

/** What states need of the coordinator whose they are. */
export interface StatesPort {
  readonly process: SimProcess;
  readonly runId: string;
  nowMs(): number;
  post(event: CoordinatorEvent): void;
  fail(error: unknown): void;
  /** False: the peer is gone. */
  sendTo(peer: string, envelope: Envelope): boolean;
}

interface OfferedState {
  readonly update: number;
  readonly stateSha256: string;
  readonly state: Float32Array;
}

/** Whole states in a coordinator's hands, as its shell's artifacts, state-supply and state-transfer have them: received, saved, read, sent on. */
export class SimStates {
  readonly #port: StatesPort;
  readonly #inbox = new Map<number, Uint8Array<ArrayBuffer>>();
  /** Checkpoints and deletions. */
  readonly #writing: Turns;
  #restored: OfferedState | null = null;

  constructor(port: StatesPort) {
    this.#port = port;
    this.#writing = new Turns(port.process);
  }

  get isWriting(): boolean {
    return this.#writing.isBusy;
  }

  store({ update, offset, totalBytes, data }: Extract<Effect, { type: 'storeChunk' }>): void {
    if (offset === 0) this.#inbox.set(update, new Uint8Array(totalBytes));
    const state = this.#inbox.get(update);
    if (state === undefined) {
      this.#port.fail(new GantryError('GANTRY_INTERNAL', `a chunk of update ${update} without its first one`));
      return;
    }
    state.set(data, offset);
  }

  drop(updates: readonly number[]): void {
    for (const update of updates) this.#inbox.delete(update);
  }

  save(effect: Extract<Effect, { type: 'saveCheckpoint' }>): void {
    try {
      const state = this.#take(effect.update);
      this.#writing.add((done) => this.#write(effect, state, done));
    } catch (error) {
      this.#port.fail(error);
    }
  }

  delete(steps: readonly number[]): void {
    const { process } = this.#port;
    this.#writing.add((done) => {
      for (const at of steps) process.world.disk.deleteCheckpoint(at, () => process.alive);
      done();
    });
  }

  relay({ update, stateSha256, generation, peers }: Extract<Effect, { type: 'relayState' }>): void {
    try {
      const state = this.#take(update);
      for (const { peer } of peers) this.#offer({ update, stateSha256, state }, peer, generation);
    } catch (error) {
      this.#port.fail(error);
    }
  }

  /** Sends what was read of the newest checkpoint. */
  sendRestored(peer: string, generation: number): void {
    this.#offer(this.#restored!, peer, generation);
  }

  forgetRestored(): void {
    this.#restored = null;
  }

  restore(): void {
    const { process } = this.#port;
    const { disk, random, steps, monitor, trace } = process.world;
    process.after(random.between(1, READ_MS_MAX), () => {
      steps.take(`${process.name} reads the newest checkpoint`);
      if (!process.alive) return;
      const found = disk.newest;
      if (found !== null && found.record.step !== disk.steps.at(-1)) {
        monitor.happened('a damaged checkpoint is passed over');
      }
      if (found === null && disk.steps.length > 0) {
        monitor.happened('no checkpoint can be read');
        this.#port.fail(new GantryError('GANTRY_CHECKPOINT_INVALID', 'every checkpoint is damaged'));
        return;
      }
      // Damaged ones are left for a person to look at, and take no other's place.
      const kept = disk.steps.filter((at) => found !== null && at <= found.record.step);
      this.#restored =
        found === null
          ? null
          : { update: found.record.update, stateSha256: found.record.stateSha256, state: found.state };
      trace.add(`${process.name} restored ${found?.record.update ?? 'nothing'}`);
      const checkpoint = found?.record ?? null;
      monitor.found(checkpoint?.update ?? 0);
      const programHash = found?.programHash ?? '';
      this.#port.post({ type: 'restored', nowMs: this.#port.nowMs(), checkpoint, programHash, kept });
    });
  }

  #take(update: number): Float32Array<ArrayBuffer> {
    const state = this.#inbox.get(update);
    if (state === undefined) throw new GantryError('GANTRY_INTERNAL', `no state of update ${update}`);
    this.#inbox.delete(update);
    return new Float32Array(state.buffer);
  }

  #write(effect: Extract<Effect, { type: 'saveCheckpoint' }>, state: Float32Array, done: () => void): void {
    const { process, runId } = this.#port;
    const { update, step: atStep, stateSha256, programHash } = effect;
    try {
      if (hashState([state]) !== stateSha256) {
        throw new GantryError('GANTRY_PROTOCOL_INVALID', `the state of step ${atStep} is not what its SHA-256 says`);
      }
    } catch (error) {
      this.#port.fail(error);
      done();
      return;
    }
    process.world.monitor.saved(update, stateSha256);
    const record = { update, step: atStep, stateSha256, path: `step-${atStep}` };
    const checkpoint: SimCheckpoint = { record, runId, programHash, state };
    process.world.disk.writeCheckpoint(
      checkpoint,
      () => process.alive,
      (error) =>
        process.run(() => {
          if (error !== null) this.#port.fail(error);
          else this.#port.post({ type: 'checkpointSaved', nowMs: this.#port.nowMs(), checkpoint: record });
          done();
        }),
    );
  }

  #offer({ update, stateSha256, state }: OfferedState, peer: string, generation: number): void {
    const { process, runId } = this.#port;
    const { pace, random } = process.world;
    const bytes = new Uint8Array(state.buffer, state.byteOffset, state.byteLength);
    let offset = 0;
    const next = (): void => {
      const data = bytes.slice(offset, offset + pace.chunkBytes);
      const last = offset + data.length === bytes.length;
      const sha256 = last ? stateSha256 : '';
      const body = { kind: 'stateChunk', stateUpdate: update, offset, totalBytes: bytes.length, data, sha256 } as const;
      if (!this.#port.sendTo(peer, { runId, generation, update, body })) return;
      offset += data.length;
      if (!last) process.after(random.between(0.05, 3), next);
    };
    next();
  }
}
