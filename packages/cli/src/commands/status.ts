import { resolve } from 'node:path';
import type { RunStatusReport } from '@gantry/coordinator';
import { isGiven, requiredText } from '../arguments.js';
import type { Command } from '../command.js';
import { count, duration, rate } from '../formats/numbers.js';
import { table } from '../formats/table.js';

export const status: Command = {
  name: 'status',
  summary: 'Who takes part in a run, and how far it is',
  options: ['out', 'json'],
  examples: [
    ['status --out runs/mlp-1', 'A table of the members'],
    ['status --out runs/mlp-1 --json', 'The same as one JSON object'],
  ],
  async run(args) {
    const runDirectory = resolve(requiredText(args, 'out', '--out runs/mlp-1'));
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
  const { step, steps, update, imagesPerSecond, failure } = report;
  const stands = `step ${count(step)} of ${count(steps)}, update ${count(update)}, ${rate(imagesPerSecond)}`;
  return [
    line(headline(report), stands),
    ...(failure === null ? [] : [line('error', `${failure.message} [${failure.code}]`)]),
    line('coordinator', coordinatorOf(report, nowMs)),
    line('checkpoint', checkpointOf(report)),
    ...remedyOf(report),
    '',
    membersOf(report),
  ].join('\n');
}

function line(label: string, text: string): string {
  return `${label.padEnd(13)}${text}`;
}

/** In a word: the stage, unless the coordinator went without finishing or failing the run. */
function headline({ alive, stage }: RunStatusReport): string {
  return alive || ['done', 'stopped', 'failed'].includes(stage) ? stage : 'broken off';
}

function coordinatorOf({ alive, owner, endpoint, writtenAt }: RunStatusReport, nowMs: number): string {
  if (alive) return `pid ${owner.pid} on ${owner.hostname}, ${endpoint}`;
  return `gone since about ${duration((nowMs - Date.parse(writtenAt)) / 1000)}`;
}

function checkpointOf({ checkpoint }: RunStatusReport): string {
  return checkpoint === null ? 'none yet' : `step ${count(checkpoint.step)}, ${checkpoint.path}`;
}

/** How to go on, where there is something to go on with; the message of a failure says it itself. */
function remedyOf({ alive, step, steps, checkpoint, failure, resumeCommand }: RunStatusReport): string[] {
  const isOver = alive || checkpoint === null || failure !== null || step >= steps;
  return isOver ? [] : [line('to go on', resumeCommand)];
}

function membersOf({ alive, members }: RunStatusReport): string {
  const rows = members.map((member) => [
    member.worker,
    member.host,
    String(member.pid),
    member.device,
    member.hub ? 'hub' : member.shards.join(','),
    String(member.update),
    alive ? member.phase : 'gone',
  ]);
  return table(['worker', 'host', 'pid', 'device', 'shards', 'update', 'phase'], rows);
}
