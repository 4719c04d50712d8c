import type { Assignment, RunConfig } from '@gantry/common';
import { referenceHashes } from './tiny-gan.js';
import type { Trace } from './trace.js';

/** What a rule of the cluster says that it must never be. */
export class InvariantError extends Error {}

/** A worker's memory as it is, whatever it or the coordinator believe. */
export interface Replica {
  readonly worker: string;
  readonly heldGeneration: number;
  readonly heldUpdate: number;
}

/** Sees everything that happens, and says what must not. */
export class Monitor {
  readonly #trace: Trace;
  readonly #hashes: readonly string[];
  #commits = 0;
  #generations = 0;
  #highest = 0;
  #rollbacks = 0;
  /** A replica was damaged, and whatever follows from it is not the undisturbed run's, until all have gone back. */
  #isPoisoned = false;
  #divergences = 0;
  #sharedFlips = 0;
  /** Up to this generation everything counts as poisoned. */
  #distrusted = 0;
  #promised = 0;

  constructor(trace: Trace, config: RunConfig) {
    this.#trace = trace;
    this.#hashes = referenceHashes(config);
  }

  get summary() {
    return {
      commits: this.#commits,
      generations: this.#generations,
      highest: this.#highest,
      rollbacks: this.#rollbacks,
      divergences: this.#divergences,
      sharedFlips: this.#sharedFlips,
    };
  }

  /** A member has committed: its state is the undisturbed run's, whatever the membership was. */
  committed(worker: string, generation: number, update: number, hash: string): void {
    this.#commits++;
    this.#highest = Math.max(this.#highest, update);
    if (this.#isPoisoned || generation <= this.#distrusted) return;
    this.#expectHash(`${worker} committed update ${update} in generation ${generation}`, update, hash);
  }

  /** A bit of a replica has changed. @param isShared It is the replica of several workers of one host. */
  poisoned(worker: string, update: number, isShared: boolean): void {
    this.#trace.add(`${worker} is damaged after update ${update}${isShared ? ', with its host' : ''}`);
    if (isShared) this.#sharedFlips++;
    this.#isPoisoned = true;
  }

  /** A state was put in place or reported. */
  state(what: string, update: number, hash: string): void {
    if (!this.#isPoisoned) this.#expectHash(what, update, hash);
  }

  /** A state is saved: whatever was done to replicas, it is sound. */
  saved(update: number, hash: string): void {
    this.#expectHash(`checkpoint of ${update}`, update, hash);
  }

  /** Replicas were found to differ. */
  diverged(): void {
    this.#divergences++;
    if (!this.#isPoisoned && this.#distrusted === 0) this.fail('replicas are said to differ, and do not');
  }

  /**
   * A generation begins. `replicas`: its members' memories. It begins nowhere below the lowest update that those of the newest
   * generation among them have committed; and from a checkpoint only where none of them holds as much.
   */
  assigned(assignment: Assignment, replicas: readonly Replica[], savedUpdate: number | null): void {
    this.#generations++;
    const { generation, startUpdate, members } = assignment;
    const newest = Math.max(0, ...replicas.map(({ heldGeneration }) => heldGeneration));
    if (newest >= generation) this.fail(`generation ${generation} begins with members that hold generation ${newest}`);
    this.#noteReturn(assignment, savedUpdate);
    const held = replicas.filter(
      ({ heldGeneration }) => heldGeneration === newest && newest > this.#distrusted && newest > 0,
    );
    const lowest = Math.min(...held.map(({ heldUpdate }) => heldUpdate));
    if (held.length > 0 && startUpdate < lowest) {
      this.fail(`generation ${generation} begins at update ${startUpdate}; its members hold ${lowest}`);
    }
    if (startUpdate < this.#highest) this.#rollbacks++;
    const isCopied = members.some(({ place }) => place === 'copied');
    if (!isCopied && held.length > 0 && (savedUpdate ?? 0) < lowest) {
      this.fail(`generation ${generation} begins from the checkpoint of ${savedUpdate}; its members hold ${lowest}`);
    }
    if (!isCopied && startUpdate !== (savedUpdate ?? 0)) {
      this.fail(`generation ${generation} begins at ${startUpdate}: nobody holds it, and ${savedUpdate} is saved`);
    }
  }

  /** The first generation of a coordinator. `awaited`: members of the one before that are about to come back. */
  resumed({ generation, startUpdate, members }: Assignment, awaited: readonly Replica[]): void {
    if (members.some(({ place }) => place === 'copied')) return;
    const holder = awaited.find(
      ({ heldGeneration, heldUpdate }) => heldGeneration > this.#distrusted && heldUpdate > startUpdate,
    );
    if (holder === undefined || this.#isPoisoned) return;
    const { worker, heldUpdate } = holder;
    this.fail(`generation ${generation} begins at ${startUpdate}; ${worker}, of the one before, holds ${heldUpdate}`);
  }

  /** All go back to what was verified: from here on everything has to be right again. */
  #noteReturn({ generation, startUpdate, members }: Assignment, savedUpdate: number | null): void {
    const isReturn = startUpdate === (savedUpdate ?? 0) && members.every(({ place }) => place !== 'copied');
    if (!this.#isPoisoned || !isReturn) return;
    this.#isPoisoned = false;
    this.#distrusted = generation - 1;
  }

  /** An assignment is sent: whatever happens to the coordinator now, the next one must know of it. */
  told(generation: number, journaled: number): void {
    if (journaled >= generation) return;
    this.fail(`generation ${generation} is told of; what is sure to survive is a journal of generation ${journaled}`);
  }

  /** A coordinator says that this much is saved for good. */
  promised(update: number): void {
    this.#promised = Math.max(this.#promised, update);
  }

  /** Looked for at any time: the newest checkpoint. */
  found(newest: number): void {
    if (newest < this.#promised) this.fail(`${newest} is the newest that is saved; ${this.#promised} was promised`);
  }

  fail(problem: string): never {
    this.#trace.add(`!! ${problem}`);
    throw new InvariantError(problem);
  }

  #expectHash(what: string, update: number, hash: string): void {
    if (this.#hashes[update] === hash) return;
    this.fail(`${what}: its state is ${hash}, the undisturbed run's ${this.#hashes[update]}`);
  }
}
