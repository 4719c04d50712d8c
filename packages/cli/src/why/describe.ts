import type { StoredLoss } from '@gantry/coordinator';
import type { FlightDump } from '@gantry/worker';
import { FLIGHT_LINES, LOSSES_SHOWN } from '../constants.js';
import { duration } from '../formats/numbers.js';
import { table } from '../formats/table.js';
import { checkpointOf, coordinatorOf, line, span, standing } from '../run-words.js';
import type { Account } from './account.js';
import { type Member, where } from './verdict.js';

/** For people: how the run stands, who holds it up and what to do; then the members, the losses, the flight recorders. */
export function describe(account: Account, nowMs: number): string {
  const parts = [summary(account, nowMs), membersOf(account), lossesOf(account, nowMs), ...recordersOf(account, nowMs)];
  return parts.filter((part) => part !== '').join('\n\n');
}

function summary(account: Account, nowMs: number): string {
  const { failure, waitsFor, next, log, stands, runDirectory } = account;
  return [
    line(stands, standing(account)),
    line('run', runDirectory),
    line('coordinator', coordinatorOf(account, nowMs)),
    ...(failure === null ? [] : [line('error', `${failure.message} [${failure.code}]`)]),
    ...(log === null ? [] : [line('its log', log)]),
    ...waitsFor.map(({ worker, because }) => line('waits for', `${worker}: ${because}`)),
    line('checkpoint', checkpointOf(account)),
    ...next.map(({ command, what }) => line('to go on', `${command}   (${what})`)),
  ].join('\n');
}

function membersOf({ members, alive, ageMs }: Account): string {
  if (members.length === 0) return 'members: none';
  const head = ['worker', 'host', 'pid', 'device', 'shards', 'phase', 'update', 'for', 'silent', 'process'];
  const age = alive ? '' : `, as the coordinator last told, ${duration(ageMs / 1000)} ago`;
  return `members${age}\n${table(head, members.map(rowOf))}`;
}

function rowOf(member: Member): string[] {
  const { worker, host, pid, device, hub, shards, phase, workingUpdate, phaseMs, silentMs, process } = member;
  const who = [worker, host, String(pid), device === '' ? '–' : device, hub ? 'hub' : shards.join(',') || '–'];
  return [...who, phase, String(workingUpdate), span(phaseMs), span(silentMs), process];
}

function lossesOf({ losses, lossCount }: Account, nowMs: number): string {
  if (lossCount === 0) return '';
  const shown = losses.slice(-LOSSES_SHOWN);
  const left = lossCount - shown.length;
  const head = left === 0 ? `lost: ${lossCount}` : `lost: ${lossCount}, the last ${shown.length} of them`;
  return [head, ...shown.map((loss) => lossLine(loss, nowMs))].join('\n');
}

function lossLine(loss: StoredLoss, nowMs: number): string {
  const { at, worker, host, pid, device, update, phase, phaseMs, reason } = loss;
  const place = [host === '' ? '' : `host ${host}`, pid === 0 ? '' : `pid ${pid}`, device].filter(
    (part) => part !== '',
  );
  const who = place.length === 0 ? worker : `${worker} (${place.join(', ')})`;
  return `  ${clock(at, nowMs)}  ${who}, last ${where({ phase, workingUpdate: update, phaseMs })}: ${reason}`;
}

/** The time as in the logs, and how long ago that is. */
function clock(at: string, nowMs: number): string {
  return `${at.slice(0, 19)}Z (${duration((nowMs - Date.parse(at)) / 1000)} ago)`;
}

function recordersOf({ flightRecorders }: Account, nowMs: number): string[] {
  return flightRecorders.map((dump) => recorderOf(dump, nowMs));
}

function recorderOf({ worker, pid, at, reason, records }: FlightDump, nowMs: number): string {
  const lines = records.slice(-FLIGHT_LINES).map(({ agoMs, update, event, value }) => {
    const about = value === 0 ? '' : `  ${value}`;
    return `  ${`-${agoMs.toFixed(1)}`.padStart(9)} ms  update ${update}  ${event}${about}`;
  });
  return [`flight recorder of ${worker} (pid ${pid}), ${clock(at, nowMs)}: ${reason}`, ...lines].join('\n');
}
