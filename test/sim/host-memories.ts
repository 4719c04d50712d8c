import { HostMemory, type HostMemoryPlan } from '@gantry/collective';

/** One mapping that several processes of a host use. */
export interface SharedHostMemory {
  readonly memory: HostMemory;
  /** Called when a word in it has changed. */
  readonly watchers: Set<() => void>;
  /** Given back: it reads as zeros. */
  isDiscarded: boolean;
}

/** /dev/shm of every host: names that lead to memory, which lives on without its name. */
export class HostMemories {
  readonly #files = new Map<string, SharedHostMemory>();

  create(host: string, name: string, plan: HostMemoryPlan, committed: number): SharedHostMemory {
    const shared = privateMemory(plan, committed);
    this.#files.set(`${host}/${name}`, shared);
    return shared;
  }

  /** Null: it is not there (yet). */
  open(host: string, name: string): SharedHostMemory | null {
    return this.#files.get(`${host}/${name}`) ?? null;
  }

  /** The host's memory has lost its power. */
  lose(host: string): void {
    for (const name of this.#files.keys()) if (name.startsWith(`${host}/`)) this.#files.delete(name);
  }

  unlink(host: string, name: string): void {
    this.#files.delete(`${host}/${name}`);
  }
}

export function privateMemory(plan: HostMemoryPlan, committed: number): SharedHostMemory {
  return { memory: HostMemory.private(plan, committed), watchers: new Set(), isDiscarded: false };
}

/** MADV_REMOVE: the memory is given back, and reads as zeros. */
export function discard(shared: SharedHostMemory): void {
  shared.isDiscarded = true;
  for (const image of shared.memory.images) image.fill(0);
}
