import { GantryError, type NetworkName } from '@gantry/common';
import { CACHE_LINE_BYTES } from '../constants.js';
import { type HostMemoryLayout, type HostMemoryPlan, hashPlan, layoutHostMemory } from '../core/host-layout.js';
import { KernelMemory } from '../core/kernel-memory.js';
import { alignedMemory } from './aligned.js';
import { SharedMemory } from './shared-memory.js';
import { SequenceWord } from './signal.js';

const MAGIC = 0x47_41_4e_31;

/**
 * One host's memory: what its workers share of a run. Every array is a view of one mapping, made once, 64-byte aligned.
 * Which image is the active one follows from the number of committed updates; nobody writes it down here.
 */
export class HostMemory {
  readonly plan: HostMemoryPlan;
  /** The training state, twice. An update reads one and writes the other. */
  readonly images: readonly [Float32Array, Float32Array];
  /** By member: the last update whose partials it has written. */
  readonly ready: readonly SequenceWord[];
  /** By member: the last update of whose sum it has brought its part from the other hosts. */
  readonly summed: readonly SequenceWord[];
  /** By member: the last update whose segments it has written. */
  readonly applied: readonly SequenceWord[];
  /** One word that all members change by compare-and-swap only. */
  readonly decision: Int32Array;
  readonly #partials: Readonly<Record<NetworkName, readonly Float32Array[]>>;
  readonly #sums: Readonly<Record<NetworkName, Float32Array>>;
  readonly #shared: SharedMemory | null;
  readonly #header: Int32Array;

  private constructor(
    plan: HostMemoryPlan,
    layout: HostMemoryLayout,
    { buffer, byteOffset }: { readonly buffer: ArrayBuffer; readonly byteOffset: number },
    shared: SharedMemory | null,
  ) {
    const floats = (at: number, length: number) => new Float32Array(buffer, byteOffset + at, length);
    const word = (at: number) => {
      const words = new Int32Array(buffer, byteOffset + at, CACHE_LINE_BYTES / Int32Array.BYTES_PER_ELEMENT);
      return new SequenceWord(words, shared === null ? null : shared.address + BigInt(at));
    };
    const partials = (network: NetworkName) =>
      layout.partials[network].map((at) => floats(at, plan.vectorFloats[network]));
    this.plan = plan;
    this.#shared = shared;
    this.#header = new Int32Array(buffer, byteOffset + layout.header, 2);
    this.images = [floats(layout.images[0], plan.stateFloats), floats(layout.images[1], plan.stateFloats)];
    this.ready = layout.ready.map(word);
    this.summed = layout.summed.map(word);
    this.applied = layout.applied.map(word);
    this.decision = new Int32Array(buffer, byteOffset + layout.decision, 1);
    this.#partials = { discriminator: partials('discriminator'), generator: partials('generator') };
    const sums = (network: NetworkName) => floats(layout.sums[network], plan.sums ? plan.vectorFloats[network] : 0);
    this.#sums = { discriminator: sums('discriminator'), generator: sums('generator') };
  }

  /**
   * New shared memory, zero but for the sequence words.
   *
   * @param committed The last committed update: 0 for a new run.
   * @throws GantryError GANTRY_SHARED_MEMORY_FAILED, GANTRY_DISK_FULL
   */
  static create(name: string, plan: HostMemoryPlan, committed = 0): HostMemory {
    const layout = layoutHostMemory(plan);
    const shared = SharedMemory.create(name, layout.byteLength);
    const memory = new HostMemory(plan, layout, { buffer: shared.buffer, byteOffset: 0 }, shared);
    memory.#start(committed);
    const header = new Int32Array(shared.buffer, layout.header, 2);
    Atomics.store(header, 1, hashPlan(plan));
    Atomics.store(header, 0, MAGIC);
    return memory;
  }

  /** Memory that another process made from an equal plan. @throws GantryError GANTRY_SHARED_MEMORY_FAILED */
  static open(name: string, plan: HostMemoryPlan): HostMemory {
    const layout = layoutHostMemory(plan);
    const shared = SharedMemory.open(name, layout.byteLength);
    const header = new Int32Array(shared.buffer, layout.header, 2);
    if (Atomics.load(header, 0) !== MAGIC || Atomics.load(header, 1) !== hashPlan(plan)) {
      // It may only not be ready yet: its maker still needs the name.
      shared.release();
      throw new GantryError(
        'GANTRY_SHARED_MEMORY_FAILED',
        `shared memory ${name} is not ready, or was made for another plan`,
      );
    }
    return new HostMemory(plan, layout, { buffer: shared.buffer, byteOffset: 0 }, shared);
  }

  /**
   * The same for a host of one worker, or between hosts, without a file.
   *
   * @param payloadBytes Room beside it for what an exchange packs, in memory where packing copies nothing.
   */
  static private(plan: HostMemoryPlan, committed = 0, payloadBytes = 0): HostMemory {
    const layout = layoutHostMemory(plan);
    const kernel = payloadBytes === 0 ? null : KernelMemory.make(layout.byteLength + payloadBytes);
    const place = kernel?.take(layout.byteLength);
    const memory = new HostMemory(plan, layout, place ?? alignedMemory(layout.byteLength), null);
    memory.#start(committed);
    return memory;
  }

  /** The gradient of shard `shard`, an index among this host's shards. */
  partial(network: NetworkName, shard: number): Float32Array {
    return this.#partials[network][shard]!;
  }

  /** By shard. */
  partials(network: NetworkName): readonly Float32Array[] {
    return this.#partials[network];
  }

  /** The finished sum, where the plan has room for it. */
  sum(network: NetworkName): Float32Array {
    return this.#sums[network];
  }

  /** Gives up the memory and unlinks its file. The views stay valid: see SharedMemory. */
  close(): void {
    this.#shared?.close();
  }

  /** Some process has given this memory back: it reads as zeros, and holds no state. */
  get isDiscarded(): boolean {
    return this.#shared !== null && Atomics.load(this.#header, 0) !== MAGIC;
  }

  /** Gives the memory itself back, for all who have mapped it: no member of its generation may go on. The views stay valid. */
  discard(): void {
    this.#shared?.discard();
  }

  #start(committed: number): void {
    for (const word of [...this.ready, ...this.summed, ...this.applied]) word.publish(committed);
    Atomics.store(this.decision, 0, committed << 1);
  }
}
