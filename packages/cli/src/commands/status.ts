import type { RunStatusReport } from '@gantry/coordinator';
import { isGiven } from '../arguments.js';
import type { Command } from '../command.js';
import { table } from '../formats/table.js';
import { runNamed } from '../run-named.js';
import { checkpointOf, coordinatorOf, hasEnded, headline, line, remediesOf, standing } from '../run-words.js';

export const status: Command = {
  name: 'status',
  summary: 'Who takes part in a run, and how far it is',
  operand: { name: 'RUN', option: 'out' },
  options: ['out', 'json'],
  examples: [
    ['status', 'Of the newest run in runs/'],
    ['status runs/mlp-1', 'A table of the members; --out runs/mlp-1 says it too'],
    ['status runs/mlp-1 --json', 'The same as one JSON object'],
  ],
  async run(args) {
    const runDirectory = await runNamed(args);
    const { readStatus } = await import('@gantry/coordinator');
    const report = await readStatus(runDirectory);
    const text = isGiven(args, 'json') ? JSON.stringify({ event: 'status', ...report }) : asText(report, Date.now());
    process.stdout.write(`${text}\n`);
    return 0;
  },
};

/**
 * How the run stands first, then who ran it, what is saved, and the members.
 * @param nowMs Wall-clock time, to say how old the report is.
 */
export function asText(report: RunStatusReport, nowMs: number): string {
  const { failure } = report;
  // The message of a failure says how to go on itself.
  const remedies = failure === null ? remediesOf(report) : [];
  return [
    line(headline(report), standing(report)),
    ...(failure === null ? [] : [line('error', `${failure.message} [${failure.code}]`)]),
    line('coordinator', coordinatorOf(report, nowMs)),
    line('checkpoint', checkpointOf(report)),
    ...remedies.map(({ command, what }) => line('to go on', `${command}   (${what})`)),
    '',
    membersOf(report),
  ].join('\n');
}

function membersOf(report: RunStatusReport): string {
  const rows = report.members.map((member) => [
    member.worker,
    member.host,
    String(member.pid),
    member.device,
    member.hub ? 'hub' : member.shards.join(','),
    String(member.update),
    phaseOf(report, member.phase),
  ]);
  return table(['worker', 'host', 'pid', 'device', 'shards', 'update', 'phase'], rows);
}

/** A worker may outlive its coordinator, and wait for the next one: what it was doing is what is known of it. */
function phaseOf(report: RunStatusReport, phase: string): string {
  if (report.alive) return phase;
  return hasEnded(report) ? 'gone' : `was ${phase}`;
}
