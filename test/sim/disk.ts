import { GantryError } from '@gantry/common';
import type { CheckpointRecord, JournalRecord } from '@gantry/coordinator/core';
import type { Random } from './random.js';
import type { World } from './world.js';

/** journal.json. */
export interface SimJournal extends JournalRecord {
  readonly runId: string;
}

export interface SimCheckpoint {
  readonly record: CheckpointRecord;
  readonly programHash: string;
  readonly state: Float32Array;
}

/** What a name holds: as everybody sees it, and as it is after a power failure. */
interface Files {
  journal: SimJournal | null;
  readonly checkpoints: Map<number, SimCheckpoint>;
}

export type DiskTrouble = 'none' | 'full' | 'fsync';

/**
 * The run's folder: written in steps, each of which takes its time. What is renamed is seen by the next process of the same
 * machine; only what is synced is sure to survive the loss of power.
 */
export class SimDisk {
  readonly #world: World;
  readonly #random: Random;
  #seen: Files = { journal: null, checkpoints: new Map() };
  #durable: Files = { journal: null, checkpoints: new Map() };
  trouble: DiskTrouble = 'none';
  /** Milliseconds of a sync. */
  slowness = 1;

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  get journal(): SimJournal | null {
    return this.#seen.journal;
  }

  /** As it is sure to survive a power failure. */
  get durableJournal(): SimJournal | null {
    return this.#durable.journal;
  }

  /** Whether a power failure may take something, or bring it back. */
  get isUnsynced(): boolean {
    const [seen, durable] = [this.#seen, this.#durable];
    const isSame = [...seen.checkpoints].every(([step, one]) => durable.checkpoints.get(step) === one);
    return seen.journal !== durable.journal || seen.checkpoints.size !== durable.checkpoints.size || !isSame;
  }

  /** Steps, ascending. */
  get steps(): number[] {
    return [...this.#seen.checkpoints.keys()].sort((a, b) => a - b);
  }

  checkpoint(step: number): SimCheckpoint | undefined {
    return this.#seen.checkpoints.get(step);
  }

  /** The steps of a durable replacement, one after the other, while `alive()`; then `done`, with what went wrong or null. */
  writeJournal(journal: SimJournal, alive: () => boolean, done: (error: GantryError | null) => void): void {
    this.#write('the journal', alive, done, {
      rename: () => {
        this.#seen.journal = journal;
      },
      sync: () => {
        this.#durable.journal = journal;
      },
    });
  }

  writeCheckpoint(checkpoint: SimCheckpoint, alive: () => boolean, done: (error: GantryError | null) => void): void {
    const { step } = checkpoint.record;
    this.#write(`the checkpoint of step ${step}`, alive, done, {
      rename: () => {
        this.#seen.checkpoints.set(step, checkpoint);
      },
      sync: () => {
        if (this.#seen.checkpoints.get(step) === checkpoint) this.#durable.checkpoints.set(step, checkpoint);
      },
    });
  }

  /** A rename that nobody syncs. */
  deleteCheckpoint(step: number, alive: () => boolean): void {
    this.#world.steps.take(`the checkpoint of step ${step} is deleted`);
    if (!alive()) return;
    this.#seen.checkpoints.delete(step);
    if (this.#random.chance(0.5)) this.#durable.checkpoints.delete(step);
  }

  /** The machine lost its power: what was renamed and not synced may be gone, or not. */
  losePower(keep = this.#random.chance(0.5)): void {
    if (keep) this.#durable = { journal: this.#seen.journal, checkpoints: new Map(this.#seen.checkpoints) };
    this.#seen = { journal: this.#durable.journal, checkpoints: new Map(this.#durable.checkpoints) };
  }

  #write(
    what: string,
    alive: () => boolean,
    done: (error: GantryError | null) => void,
    parts: { readonly rename: () => void; readonly sync: () => void },
  ): void {
    const { clock, steps } = this.#world;
    const then = (step: string, action: () => void): void => {
      clock.after(this.#random.between(0.2, 2) * this.slowness, () => {
        if (!alive()) return;
        steps.take(`${what} is ${step}`);
        if (alive()) action();
      });
    };
    then('written', () => {
      const error = this.#error();
      if (error !== null) {
        done(error);
        return;
      }
      then('renamed', () => {
        parts.rename();
        then('synced', () => {
          parts.sync();
          steps.take(`${what} is on the disk`);
          if (alive()) done(null);
        });
      });
    });
  }

  #error(): GantryError | null {
    if (this.trouble === 'full') return new GantryError('GANTRY_DISK_FULL', 'the disk is full');
    return this.trouble === 'fsync' ? new GantryError('GANTRY_FILE_FAILED', 'fsync failed') : null;
  }
}
