import { resolve } from 'node:path';
import { isGiven, requiredText } from '../arguments.js';
import type { Command } from '../command.js';
import { noteResult } from '../note-result.js';
import { SETTING_OPTIONS } from '../options.js';
import { createReporter } from '../reporters/create-reporter.js';
import { resumedConfigOf } from '../run-config.js';
import { superviseRun } from '../supervise.js';

export const resume: Command = {
  name: 'resume',
  summary: 'Go on with a run from its last checkpoint, bit for bit',
  options: ['out', ...SETTING_OPTIONS, 'resume-with-changes', 'json'],
  examples: [
    ['resume --out runs/mlp-1', 'Exactly as if it had never stopped'],
    ['resume --out runs/mlp-1 --workers 4', 'With more workers: the same bits'],
    ['resume --out runs/mlp-1 --steps 20000', 'Train longer'],
  ],
  async run(args) {
    const runDirectory = resolve(requiredText(args, 'out', '--out runs/mlp-1'));
    const config = await resumedConfigOf(args, runDirectory);
    const reporter = await createReporter({ json: isGiven(args, 'json') });
    const allowNumbers = isGiven(args, 'resume-with-changes');
    const run = { config, runDirectory, localWorkers: config.workers, resume: true, allowNumbers };
    const result = await superviseRun(run, reporter);
    noteResult(result, runDirectory, reporter);
    return 0;
  },
};
