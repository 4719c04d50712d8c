import type { FlightRecorder } from './flight-recorder.js';

/** Newest entries of the ring that a dump holds: some ten updates, which is what one reads. */
export const DUMP_RECORDS = 128;

/** The flight recorder of one worker at one moment, as it lies beside the worker's log. */
export interface FlightDump {
  readonly worker: string;
  readonly pid: number;
  /** ISO 8601. */
  readonly at: string;
  /** What made the worker write it. */
  readonly reason: string;
  readonly phase: string;
  /** Update that it was working on, counted from 1. */
  readonly update: number;
  /** Oldest first. */
  readonly records: readonly {
    /** Milliseconds before `at`. */
    readonly agoMs: number;
    readonly event: string;
    readonly update: number;
    /** A number that the event is about; 0 where there is none. */
    readonly value: number;
  }[];
}

/** @param nowMs The moment of the dump by the recorder's clock. */
export function flightDump(
  recorder: FlightRecorder,
  { nowMs, ...about }: Omit<FlightDump, 'records'> & { readonly nowMs: number },
): FlightDump {
  const records = recorder
    .records()
    .slice(-DUMP_RECORDS)
    .map(({ atMs, ...record }) => ({ agoMs: Math.round((nowMs - atMs) * 10) / 10, ...record }));
  return { ...about, records };
}
