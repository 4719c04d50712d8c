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

/** @param nowMs Wall-clock time, to say how old the report is. */
export function asText(report: RunStatusReport, nowMs: number): string {
  const { alive, stage, step, steps, update, imagesPerSecond, members, checkpoint, owner, endpoint, writtenAt } =
    report;
  const age = duration((nowMs - Date.parse(writtenAt)) / 1000);
  const lives = alive
    ? `coordinator  pid ${owner.pid} on ${owner.hostname}, ${endpoint}`
    : `coordinator  gone since about ${age}${stage === 'done' ? ': the run is over' : ''}`;
  const saved = checkpoint === null ? 'none yet' : `step ${count(checkpoint.step)}, ${checkpoint.path}`;
  const rows = members.map((member) => [
    member.worker,
    member.host,
    String(member.pid),
    member.device,
    member.hub ? 'hub' : member.shards.join(','),
    String(member.update),
    alive ? member.phase : 'gone',
  ]);
  return [
    lives,
    `run          ${stage}, step ${count(step)} of ${count(steps)}, update ${count(update)}, ${rate(imagesPerSecond)}`,
    `checkpoint   ${saved}`,
    '',
    table(['worker', 'host', 'pid', 'device', 'shards', 'update', 'phase'], rows),
  ].join('\n');
}
