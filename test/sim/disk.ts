import { GantryError } from '@gantry/common';
import type { CheckpointRecord, JournalRecord } from '@gantry/coordinator/core';
import type { Random } from './random.js';
import type { World } from './world.js';

/** journal.json. */
export interface SimJournal extends Omit<JournalRecord, 'members'> {
  readonly runId: string;
  /** Null: a checkpoint has taken its place. */
  readonly members: JournalRecord['members'] | null;
}

export interface SimCheckpoint {
  readonly record: CheckpointRecord;
  readonly runId: string;
  readonly programHash: string;
  readonly state: Float32Array;
}

/** A file, or a checkpoint's folder, that can be read as a whole only where it is not torn. */
interface Stored<T> {
  readonly value: T;
  readonly isTorn: boolean;
}

/** What names lead to: as everybody sees it, or as it is after a power failure. */
interface Files {
  readonly journal: Stored<SimJournal> | null;
  readonly checkpoints: ReadonlyMap<number, Stored<SimCheckpoint>>;
}

const NOTHING: Files = { journal: null, checkpoints: new Map() };

/** `folder fsync`: contents are synced, and then their names are not. `lies`: a sync says that it has done it, and has not. */
export type DiskTrouble = 'none' | 'full' | 'fsync' | 'folder fsync' | 'lies';

/** What a power failure makes of something that was said to be synced and was not. */
const FATES = ['whole', 'torn', 'gone'] as const;

const LOSSES = {
  journal: {
    torn: 'a power failure leaves a torn journal',
    gone: 'a power failure takes the end of the journal',
  },
  checkpoint: {
    torn: 'a power failure leaves a torn checkpoint',
    gone: 'a power failure takes a checkpoint that was promised',
  },
} as const;

interface Lie {
  readonly name: number | 'journal';
  readonly written: Stored<unknown>;
}

/**
 * The run's folder: written in steps, each of which takes its time. What is renamed is seen by the next process of the same
 * machine; only what is synced is sure to survive the loss of power.
 */
export class SimDisk {
  readonly #world: World;
  readonly #random: Random;
  #seen: Files = NOTHING;
  #durable: Files = NOTHING;
  /** Of the journal: what was last said to be durable. */
  #promisedGeneration = 0;
  /** Whatever was said to be durable since the power failed, and is not. */
  #lies: Lie[] = [];
  trouble: DiskTrouble = 'none';
  /** Milliseconds of a sync. */
  slowness = 1;

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  get hasJournal(): boolean {
    return this.#seen.journal !== null;
  }

  /** Null: there is none that can be read. */
  get journal(): SimJournal | null {
    return readable(this.#seen.journal);
  }

  /** Of the journal that is, as far as the disk has said, sure to survive a power failure. */
  get promisedGeneration(): number {
    return this.#promisedGeneration;
  }

  /** Whether a power failure may take something, or bring it back. */
  get isUnsynced(): boolean {
    const [seen, durable] = [this.#seen, this.#durable];
    const isSame = [...seen.checkpoints].every(([step, one]) => durable.checkpoints.get(step) === one);
    return seen.journal !== durable.journal || seen.checkpoints.size !== durable.checkpoints.size || !isSame;
  }

  /** Steps that have a checkpoint, sound or not, ascending. */
  get steps(): number[] {
    return [...this.#seen.checkpoints.keys()].sort((a, b) => a - b);
  }

  /** Null: it is damaged, or not there. */
  checkpoint(step: number): SimCheckpoint | null {
    return readable(this.#seen.checkpoints.get(step) ?? null);
  }

  /** The newest that is sound. */
  get newest(): SimCheckpoint | null {
    for (const step of this.steps.reverse()) {
      const sound = this.checkpoint(step);
      if (sound !== null) return sound;
    }
    return null;
  }

  /** The steps of a durable replacement, one after the other, while `alive()`; then `done`, with what went wrong or null. */
  writeJournal(journal: SimJournal, alive: () => boolean, done: (error: GantryError | null) => void): void {
    const written = { value: journal, isTorn: false };
    this.#write('the journal', alive, done, {
      lie: { name: 'journal', written },
      rename: () => {
        this.#seen = { ...this.#seen, journal: written };
      },
      sync: () => {
        this.#durable = { ...this.#durable, journal: written };
      },
      promise: () => {
        this.#promisedGeneration = journal.generation;
      },
    });
  }

  writeCheckpoint(checkpoint: SimCheckpoint, alive: () => boolean, done: (error: GantryError | null) => void): void {
    const { step } = checkpoint.record;
    const written = { value: checkpoint, isTorn: false };
    this.#write(`the checkpoint of step ${step}`, alive, done, {
      lie: { name: step, written },
      rename: () => {
        this.#world.monitor.named(checkpoint.record.update);
        this.#seen = withCheckpoint(this.#seen, step, written);
      },
      sync: () => {
        if (this.#seen.checkpoints.get(step) === written) this.#durable = withCheckpoint(this.#durable, step, written);
      },
      promise: () => {},
    });
  }

  /** A rename that nobody syncs. */
  deleteCheckpoint(step: number, alive: () => boolean): void {
    this.#world.steps.take(`the checkpoint of step ${step} is deleted`);
    if (!alive()) return;
    const gone = this.#seen.checkpoints.get(step);
    if (gone !== undefined) this.#world.monitor.deleted(gone.value.record.update);
    this.#seen = withCheckpoint(this.#seen, step, null);
    if (this.#random.chance(0.5)) this.#durable = withCheckpoint(this.#durable, step, null);
  }

  /** Bits of the newest checkpoint have changed where they lie. */
  damageNewest(): void {
    const step = this.steps.at(-1);
    const damaged = step === undefined ? undefined : this.#seen.checkpoints.get(step);
    if (step === undefined || damaged === undefined) return;
    this.#seen = tornIn(this.#seen, step);
    this.#durable = tornIn(this.#durable, step);
    this.#world.monitor.released(damaged.value.record.update);
  }

  /** What a person does who is told of damage: what cannot be read is put away. */
  putDamagedAway(): void {
    for (const step of this.steps) {
      if (this.checkpoint(step) !== null) continue;
      this.#seen = withCheckpoint(this.#seen, step, null);
      this.#durable = withCheckpoint(this.#durable, step, null);
    }
  }

  /** A person begins the run anew, in another folder. */
  clear(): void {
    this.#seen = NOTHING;
    this.#durable = NOTHING;
    this.#lies = [];
    this.#promisedGeneration = 0;
  }

  /** The machine lost its power: what was renamed and not synced may be gone, or not. */
  losePower(keep = this.#random.chance(0.5)): void {
    const sure = this.#durable;
    if (keep) this.#durable = this.#seen;
    const lies = this.#lies;
    this.#lies = [];
    for (const lie of lies) this.#durable = this.#uncover(lie, sure);
    this.#seen = this.#durable;
    if (lies.length > 0) this.#promisedGeneration = this.journal?.generation ?? 0;
  }

  /** What is left when something was said to be durable and was not. @param sure What really was. */
  #uncover({ name, written }: Lie, sure: Files): Files {
    const files = this.#durable;
    const now = name === 'journal' ? this.#seen.journal : this.#seen.checkpoints.get(name);
    // Something else has the name by now.
    if (now !== written) return files;
    const fate = this.#world.extra.pick(FATES);
    this.#world.trace.add(`the power failure leaves ${name} ${fate}`);
    if (fate !== 'whole') this.#world.monitor.happened(LOSSES[name === 'journal' ? 'journal' : 'checkpoint'][fate]);
    const left = fate === 'gone' ? null : { ...written, isTorn: fate === 'torn' };
    if (fate !== 'whole' && name !== 'journal')
      this.#world.monitor.released((written.value as SimCheckpoint).record.update);
    if (name === 'journal') return { ...files, journal: (left as Stored<SimJournal> | null) ?? sure.journal };
    const checkpoint = (left as Stored<SimCheckpoint> | null) ?? sure.checkpoints.get(name) ?? null;
    return withCheckpoint(files, name, checkpoint);
  }

  #write(
    what: string,
    alive: () => boolean,
    done: (error: GantryError | null) => void,
    parts: { readonly lie: Lie; rename(): void; sync(): void; promise(): void },
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
      let isLie = this.trouble === 'lies';
      then('renamed', () => {
        parts.rename();
        then('synced', () => {
          if (this.trouble === 'folder fsync') {
            this.#world.monitor.happened('a folder is not synced');
            done(new GantryError('GANTRY_FILE_FAILED', 'fsync of the folder failed'));
            return;
          }
          isLie ||= this.trouble === 'lies';
          if (isLie) {
            this.#world.monitor.happened('a sync lies');
            this.#lies.push(parts.lie);
          } else parts.sync();
          parts.promise();
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

function readable<T>(stored: Stored<T> | null): T | null {
  return stored === null || stored.isTorn ? null : stored.value;
}

/** `stored` null: without it. */
function withCheckpoint(files: Files, step: number, stored: Stored<SimCheckpoint> | null): Files {
  const checkpoints = new Map(files.checkpoints);
  if (stored === null) checkpoints.delete(step);
  else checkpoints.set(step, stored);
  return { ...files, checkpoints };
}

function tornIn(files: Files, step: number): Files {
  const stored = files.checkpoints.get(step);
  return stored === undefined ? files : withCheckpoint(files, step, { ...stored, isTorn: true });
}
