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

/** What a test looks for in what all its seeds have done: a fault that nobody ever meets proves nothing. */
export const HAPPENINGS = [
  'a message arrives twice',
  'a sync lies',
  'a folder is not synced',
  'a power failure leaves a torn checkpoint',
  'a power failure takes a checkpoint that was promised',
  'a power failure leaves a torn journal',
  'a power failure takes the end of the journal',
  'a damaged checkpoint is passed over',
  'no checkpoint can be read',
  'a checkpoint takes the place of the journal',
  'shards move to faster workers',
  'a hub is lost',
  'a hub is not started again',
  'a stalled worker is waited for',
  'a resumed run loses a worker that others survive, before it trains',
] as const;
/** What one seed in a thousand meets. */
export const RARE_HAPPENINGS = ['an earlier generation is further'] as const;
export type Happening = (typeof HAPPENINGS)[number] | (typeof RARE_HAPPENINGS)[number];

/** Ends for what one worker met. */
const ENDS_FOR_A_WORKER = new Set(['GANTRY_WORKER_LOST', 'GANTRY_WORKER_STALLED', 'GANTRY_SHARED_MEMORY_FAILED']);
/** Nobody may be started any more, or one update is the end of whoever begins it. */
const SPENT = /is not started again|\(--min-workers\) are left|ends its workers/;

/** What a generation begins with. */
interface Beginning {
  /** The memories of all who are there. */
  readonly replicas: readonly Replica[];
  /** Names of its members' processes. */
  readonly processes: ReadonlySet<string>;
  readonly savedUpdate: number | null;
}

/** What one worker's process committed last. */
interface LastCommit {
  readonly assignment: Assignment;
  readonly update: number;
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
  /** Updates whose checkpoint is saved for good, until it is deleted, or a disk that lied has lost it. */
  readonly #promised = new Set<number>();
  /** Also where it was damaged since: nobody who saves another one need know of that. */
  #newestPromised = 0;
  /** Updates whose checkpoint was damaged before it was said to be saved. */
  readonly #damaged = new Set<number>();
  readonly #happenings = new Set<Happening>();
  readonly #last = new Map<string, LastCommit>();
  /** By membership and update: how many of its members have committed it. A generation's number may come again where a disk lied. */
  readonly #committers = new Map<Assignment['members'], Map<number, number>>();
  /** By update: the generation of which every member has committed it, until another one begins below it. */
  readonly #commitments = new Map<number, { readonly generation: number; readonly processes: ReadonlySet<string> }>();
  /** By membership: who takes part. */
  readonly #processes = new Map<Assignment['members'], ReadonlySet<string>>();

  constructor(trace: Trace, config: RunConfig) {
    this.#trace = trace;
    this.#hashes = referenceHashes(config);
  }

  /** Something that a seed is there for has happened. */
  happened(what: Happening): void {
    this.#happenings.add(what);
  }

  get summary() {
    return {
      happenings: this.#happenings,
      commits: this.#commits,
      generations: this.#generations,
      highest: this.#highest,
      rollbacks: this.#rollbacks,
      divergences: this.#divergences,
      sharedFlips: this.#sharedFlips,
    };
  }

  /** A member has committed: its state is the undisturbed run's, whatever the membership was. */
  committed(worker: string, assignment: Assignment, update: number, hash: string): void {
    const { generation } = assignment;
    this.#commits++;
    this.#highest = Math.max(this.#highest, update);
    this.#expectNext(worker, assignment, update);
    this.#noteCommitment(assignment, update);
    if (this.#isPoisoned || generation <= this.#distrusted) return;
    this.#expectHash(`${worker} committed update ${update} in generation ${generation}`, update, hash);
  }

  /** Updates follow on each other, and nobody goes on in a generation when it has begun with a later one. */
  #expectNext(worker: string, assignment: Assignment, update: number): void {
    const last = this.#last.get(worker);
    const { generation, startUpdate } = assignment;
    const isSame = last?.assignment === assignment;
    const before = isSame ? last.update : startUpdate;
    if (last !== undefined && !isSame && last.assignment.generation >= generation) {
      this.fail(`${worker} commits in generation ${generation} after generation ${last.assignment.generation}`);
    }
    if (update !== before + 1) this.fail(`${worker} commits update ${update} after ${before}`);
    this.#last.set(worker, { assignment, update });
  }

  /**
   * No two generations commit one update, with all their members, unless nobody takes part in both: whoever was stopped, or cut
   * off with all the others, goes on until it sees that, and nobody hears of it.
   */
  #noteCommitment({ generation, members }: Assignment, update: number): void {
    const counts = this.#committers.get(members) ?? new Map<number, number>();
    this.#committers.set(members, counts);
    const count = (counts.get(update) ?? 0) + 1;
    counts.set(update, count);
    if (count < members.length) return;
    counts.delete(update);
    const other = this.#commitments.get(update);
    const processes = this.#processes.get(members) ?? new Set();
    const isShared = other !== undefined && [...other.processes].some((one) => processes.has(one));
    if (isShared)
      this.fail(`generation ${generation} commits update ${update}, which generation ${other.generation} has`);
    if (other === undefined || other.generation < generation) this.#commitments.set(update, { generation, processes });
  }

  /** A coordinator holds a member of its generation to have committed this much. */
  believed(worker: string, generation: number, update: number): void {
    const last = this.#last.get(worker);
    if (last?.assignment.generation === generation && last.update >= update) return;
    const really = last === undefined ? 'nothing' : `${last.update} in generation ${last.assignment.generation}`;
    this.fail(`${worker} is held to have committed ${update} in generation ${generation}; it has ${really}`);
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
  assigned(assignment: Assignment, { replicas, processes, savedUpdate }: Beginning): void {
    this.#generations++;
    const { generation, startUpdate, members } = assignment;
    this.#processes.set(members, processes);
    const newest = Math.max(0, ...replicas.map(({ heldGeneration }) => heldGeneration));
    if (newest >= generation) this.fail(`generation ${generation} begins with members that hold generation ${newest}`);
    this.#noteReturn(assignment, savedUpdate);
    const held = replicas.filter(
      ({ heldGeneration }) => heldGeneration === newest && newest > this.#distrusted && newest > 0,
    );
    const lowest = Math.min(...held.map(({ heldUpdate }) => heldUpdate));
    if (held.length > 0 && startUpdate > lowest + 1) this.happened('an earlier generation is further');
    if (held.length > 0 && startUpdate < lowest) {
      this.fail(`generation ${generation} begins at update ${startUpdate}; its members hold ${lowest}`);
    }
    const furthest = Math.max(
      0,
      ...replicas.filter(({ heldGeneration }) => heldGeneration > this.#distrusted).map(({ heldUpdate }) => heldUpdate),
    );
    if (startUpdate < furthest - 1) {
      this.fail(`generation ${generation} begins at update ${startUpdate}; one of its members holds ${furthest}`);
    }
    if (startUpdate < this.#highest) this.#rollbacks++;
    const isCopied = members.some(({ place }) => place === 'copied');
    if (!isCopied && held.length > 0 && (savedUpdate ?? 0) < lowest) {
      this.fail(`generation ${generation} begins from the checkpoint of ${savedUpdate}; its members hold ${lowest}`);
    }
    if (!isCopied && startUpdate !== (savedUpdate ?? 0)) {
      this.fail(`generation ${generation} begins at ${startUpdate}: nobody holds it, and ${savedUpdate} is saved`);
    }
    // All who had them are gone: they are computed again, by this generation alone.
    for (const update of this.#commitments.keys()) if (update > startUpdate) this.#commitments.delete(update);
  }

  /** A generation begins with what nobody had to copy. `awaited`: who is there, or may be expected to come back. */
  wentBack({ generation, startUpdate, members }: Assignment, awaited: readonly Replica[]): void {
    if (members.some(({ place }) => place === 'copied')) return;
    const holder = awaited.find(
      ({ heldGeneration, heldUpdate }) => heldGeneration > this.#distrusted && heldUpdate > startUpdate,
    );
    if (holder === undefined || this.#isPoisoned) return;
    const { worker, heldUpdate } = holder;
    this.fail(`generation ${generation} begins at ${startUpdate}; ${worker}, which is awaited, holds ${heldUpdate}`);
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
    this.#newestPromised = Math.max(this.#newestPromised, update);
    if (!this.#damaged.has(update)) this.#promised.add(update);
  }

  /** A checkpoint is deleted, which the newest never is. */
  deleted(update: number): void {
    if (update < this.#newestPromised) this.#promised.delete(update);
  }

  /** A checkpoint is damaged, or was not where the disk had said that it was. */
  released(update: number): void {
    this.#promised.delete(update);
    this.#damaged.add(update);
  }

  /** A checkpoint has got its name, and is sound. */
  named(update: number): void {
    this.#damaged.delete(update);
  }

  /** Nothing of the run can be read, and nobody has it: another one takes its place. */
  begunAnew(): void {
    this.#promised.clear();
    this.#newestPromised = 0;
    this.#commitments.clear();
  }

  /** Looked for at any time: the newest checkpoint. */
  found(newest: number): void {
    const promised = Math.max(0, ...this.#promised);
    if (newest < promised) this.fail(`${newest} is the newest that is saved; ${promised} was promised`);
  }

  /** The coordinator ends its run: for one worker only where that costs nothing, or no other can be had. `members`: their memories. */
  gaveUp({ code, message }: { code: string; message: string }, members: readonly Replica[], savedUpdate: number): void {
    if (!ENDS_FOR_A_WORKER.has(code) || SPENT.test(message)) return;
    const holder = members.find(
      ({ heldGeneration, heldUpdate }) => heldGeneration > this.#distrusted && heldUpdate > savedUpdate,
    );
    if (holder === undefined || this.#isPoisoned) return;
    this.fail(`the run ends with ${code}; ${holder.worker} holds ${holder.heldUpdate}, ${savedUpdate} is saved`);
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
