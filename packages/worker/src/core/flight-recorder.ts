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

/**
 * Always-on ring of the last protocol events and phases, read only when something went wrong. Recording stores four
 * numbers in arrays made once: it allocates nothing. Event names are registered before, so that a record is a number.
 *
 * Invariant: `count` events were recorded; the last min(count, capacity) of them are in the arrays.
 */
export class FlightRecorder {
  readonly #names: string[] = [];
  readonly #times: Float64Array;
  readonly #events: Int32Array;
  readonly #updates: Int32Array;
  readonly #values: Float64Array;
  #count = 0;

  constructor(capacity: number = FLIGHT_RECORDS) {
    assert(Number.isInteger(capacity) && capacity > 0, `a flight recorder of ${capacity} entries`);
    this.#times = new Float64Array(capacity);
    this.#events = new Int32Array(capacity);
    this.#updates = new Int32Array(capacity);
    this.#values = new Float64Array(capacity);
  }

  /** The number under which `name` is recorded; the same name gives the same number. Not for the hot path. */
  event(name: string): number {
    const known = this.#names.indexOf(name);
    return known >= 0 ? known : this.#names.push(name) - 1;
  }

  /** Stores one event; the oldest goes. `atMs` comes from the caller's clock. */
  record(atMs: number, event: number, update: number, value = 0): void {
    const slot = this.#count % this.#times.length;
    this.#times[slot] = atMs;
    this.#events[slot] = event;
    this.#updates[slot] = update;
    this.#values[slot] = value;
    this.#count++;
  }

  /** What is in the ring, oldest first. */
  records(): FlightRecord[] {
    const capacity = this.#times.length;
    const kept = Math.min(this.#count, capacity);
    return Array.from({ length: kept }, (_, index) => {
      const slot = (this.#count - kept + index) % capacity;
      return {
        atMs: this.#times[slot]!,
        event: this.#names[this.#events[slot]!] ?? `event ${this.#events[slot]}`,
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
