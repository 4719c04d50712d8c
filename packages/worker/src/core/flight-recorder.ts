import { assert } from '@gantry/common';

/** One thing that a worker did or heard, as it is read back from the ring. */
export interface FlightRecord {
  /** Milliseconds since the recorder's origin. */
  readonly atMs: number;
  readonly event: string;
  readonly update: number;
  /** A number that the event is about: a phase, a size, a step; 0 where there is none. */
  readonly value: number;
}

/** Entries kept: some hundred updates of a small network, a few kilobytes. */
export const FLIGHT_RECORDS = 512;

/** Names of events, one behind the other: phases and messages have some hundred characters together. */
const NAMES_BYTES = 2048;
/** Events recorded, bytes of names. */
const HEADER_WORDS = 2;
/** Time and value, then event and update. */
const RECORD_BYTES = 2 * Float64Array.BYTES_PER_ELEMENT + 2 * Int32Array.BYTES_PER_ELEMENT;
const FIXED_BYTES = HEADER_WORDS * Float64Array.BYTES_PER_ELEMENT + NAMES_BYTES;

/**
 * Always-on ring of the last protocol events and phases, read only when something went wrong. Recording stores four
 * numbers in shared memory made once: it allocates nothing. Event names are registered before, so that a record is a number.
 * Another thread may read the ring while this one is stuck; while it is not, the oldest entry may be half overwritten.
 *
 * Invariant: `count` events were recorded; the last min(count, capacity) of them are in the arrays.
 */
export class FlightRecorder {
  readonly buffer: SharedArrayBuffer;
  readonly #header: Float64Array;
  readonly #times: Float64Array;
  readonly #values: Float64Array;
  readonly #events: Int32Array;
  readonly #updates: Int32Array;
  readonly #names: Uint8Array;
  /** What this thread has registered. */
  readonly #known: string[] = [];

  /** @param source Entries to keep, or the memory of another thread's recorder, to read it. */
  constructor(source: number | SharedArrayBuffer = FLIGHT_RECORDS) {
    if (typeof source === 'number')
      assert(Number.isInteger(source) && source > 0, `a flight recorder of ${source} entries`);
    const buffer = typeof source === 'number' ? new SharedArrayBuffer(FIXED_BYTES + source * RECORD_BYTES) : source;
    const capacity = (buffer.byteLength - FIXED_BYTES) / RECORD_BYTES;
    this.buffer = buffer;
    this.#header = new Float64Array(buffer, 0, HEADER_WORDS);
    this.#times = new Float64Array(buffer, this.#header.byteLength, capacity);
    this.#values = new Float64Array(buffer, endOf(this.#times), capacity);
    this.#events = new Int32Array(buffer, endOf(this.#values), capacity);
    this.#updates = new Int32Array(buffer, endOf(this.#events), capacity);
    this.#names = new Uint8Array(buffer, endOf(this.#updates), NAMES_BYTES);
  }

  /** The number under which `name` is recorded; the same name gives the same number. Not for the hot path. */
  event(name: string): number {
    const known = this.#known.indexOf(name);
    if (known >= 0) return known;
    const line = new TextEncoder().encode(`${name}\n`);
    const used = this.#header[1]!;
    // Without room it stays a number: what only helps to find an error must be none.
    if (used + line.length <= NAMES_BYTES) {
      this.#names.set(line, used);
      this.#header[1] = used + line.length;
    }
    return this.#known.push(name) - 1;
  }

  /** Stores one event; the oldest goes. `atMs` comes from the caller's clock. */
  record(atMs: number, event: number, update: number, value = 0): void {
    const count = this.#header[0]!;
    const slot = count % this.#times.length;
    this.#times[slot] = atMs;
    this.#events[slot] = event;
    this.#updates[slot] = update;
    this.#values[slot] = value;
    this.#header[0] = count + 1;
  }

  /** What is in the ring, oldest first. */
  records(): FlightRecord[] {
    const capacity = this.#times.length;
    const count = this.#header[0]!;
    const kept = Math.min(count, capacity);
    // A copy: text is not decoded from memory that others may change.
    const names = new TextDecoder().decode(this.#names.slice(0, this.#header[1]!)).split('\n');
    return Array.from({ length: kept }, (_, index) => {
      const slot = (count - kept + index) % capacity;
      return {
        atMs: this.#times[slot]!,
        event: names[this.#events[slot]!] || `event ${this.#events[slot]}`,
        update: this.#updates[slot]!,
        value: this.#values[slot]!,
      };
    });
  }

  /** The ring as text for a log, oldest first, at most `lines` of the newest entries. */
  dump(lines: number = FLIGHT_RECORDS): string[] {
    return this.records()
      .slice(-lines)
      .map(
        ({ atMs, event, update, value }) => `${atMs.toFixed(1).padStart(10)} ms  update ${update}  ${event}  ${value}`,
      );
  }
}

function endOf({ byteOffset, byteLength }: Float64Array | Int32Array): number {
  return byteOffset + byteLength;
}
