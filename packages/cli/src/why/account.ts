import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type RunStatusReport, readStatus } from '@gantry/coordinator';
import type { FlightDump } from '@gantry/worker';
import { headline, remediesOf } from '../run-words.js';
import { readDumps } from './flight-dumps.js';
import { processesOf } from './processes.js';
import { type Member, type Suspect, suspectsOf } from './verdict.js';

/** All that is known of why a run is as it is; what `gantry why --json` prints. */
export interface Account extends Omit<RunStatusReport, 'members'> {
  readonly runDirectory: string;
  /** In a word how the run stands; `broken off`: the coordinator went without a word. */
  readonly stands: string;
  /** How old everything is that the coordinator told. */
  readonly ageMs: number;
  readonly members: readonly Member[];
  readonly waitsFor: readonly Suspect[];
  /** Commands that go on with the run. */
  readonly next: readonly { readonly command: string; readonly what: string }[];
  /** Log of the worker that the error names; null: it names none, or that has no log here. */
  readonly log: string | null;
  readonly flightRecorders: readonly FlightDump[];
}

/**
 * @param nowMs Time of day.
 * @throws GantryError GANTRY_RUN_NOT_FOUND
 */
export async function accountOf(runDirectory: string, nowMs: number): Promise<Account> {
  const report = await readStatus(runDirectory);
  const processes = await processesOf(report);
  const members = report.members.map((member, index) => ({ ...member, process: processes[index]! }));
  return {
    ...report,
    runDirectory,
    stands: headline(report),
    ageMs: Math.max(0, nowMs - Date.parse(report.writtenAt)),
    members,
    waitsFor: suspectsOf(report, members),
    next: remediesOf(report, { mayWait: members.some(({ process }) => process !== 'gone') }),
    log: logOf(runDirectory, report),
    flightRecorders: await readDumps(runDirectory),
  };
}

function logOf(runDirectory: string, { failure }: RunStatusReport): string | null {
  const worker = failure?.details.worker;
  if (typeof worker !== 'string' || worker === '') return null;
  const file = join(runDirectory, 'logs', `${worker}.log`);
  return existsSync(file) ? file : null;
}
