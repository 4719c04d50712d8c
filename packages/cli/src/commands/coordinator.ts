import { resolve } from 'node:path';
import { isGiven, requiredText, textOf } from '../arguments.js';
import type { Args, Command } from '../command.js';
import { leaveOnEof } from '../leave-on-eof.js';
import { noteResult } from '../note-result.js';
import { RUN_OPTIONS } from '../options.js';
import { createReporter } from '../reporters/create-reporter.js';
import { resumedBind } from '../resumed-bind.js';
import {
  configOf,
  continuedConfigOf,
  holdsRun,
  localTransport,
  resumedConfigOf,
  runDirectoryOf,
} from '../run-config.js';
import { keysOf, warnInsecure } from '../security.js';
import { superviseRun } from '../supervise.js';

export const coordinator: Command = {
  name: 'coordinator',
  summary: 'Only the coordinator; as many workers as --workers says are started by hand',
  options: [...RUN_OPTIONS, 'bind', 'keys', 'insecure', 'resume', 'continue', 'resume-with-changes'],
  examples: [
    ['coordinator --workers 2 --bind tcp://127.0.0.1:5555', 'Waits for two workers, then trains'],
    ['worker --join tcp://127.0.0.1:5555', 'One of them; more may join at any time, up to --max-workers'],
    ['coordinator --keys keys --bind tcp://10.0.0.5:5555', 'For workers of other machines; see gantry keygen --help'],
    [
      'coordinator --continue --out runs/mlp-1',
      'Goes on with that run, or begins it: whatever restarts coordinators needs no other',
    ],
    ['coordinator --resume --out runs/mlp-1', 'After a crash: its workers have waited'],
  ],
  async run(args) {
    leaveOnEof();
    if (isGiven(args, 'resume')) return resumeCoordinator(args, resumedConfigOf);
    if (isGiven(args, 'continue') && holdsRun(requiredText(args, 'out', '--out runs/mlp-1'))) {
      return resumeCoordinator(args, continuedConfigOf);
    }
    const bind = textOf(args, 'bind');
    const config = await configOf(args, { transport: localTransport() });
    const runDirectory = runDirectoryOf(args, config);
    const reporter = await createReporter({ json: isGiven(args, 'json') });
    const given = { insecure: isGiven(args, 'insecure'), keys: keysOf(args) };
    if (bind !== undefined) warnInsecure(bind, given);
    const run = { config, runDirectory, localWorkers: 0, resume: false, bind, ...given };
    const result = await superviseRun(run, reporter);
    noteResult(result, runDirectory, reporter);
    return 0;
  },
};

/** The next coordinator of a run, at the address of the one before. */
async function resumeCoordinator(args: Args, settle: typeof resumedConfigOf): Promise<number> {
  const runDirectory = resolve(requiredText(args, 'out', '--out runs/mlp-1'));
  const config = await settle(args, runDirectory);
  const { readStatus } = await import('@gantry/coordinator');
  const bind = await resumedBind(textOf(args, 'bind'), async () => (await readStatus(runDirectory)).endpoint);
  const reporter = await createReporter({ json: isGiven(args, 'json') });
  const allowNumbers = isGiven(args, 'resume-with-changes');
  const given = { insecure: isGiven(args, 'insecure'), keys: keysOf(args) };
  warnInsecure(bind, given);
  const run = { config, runDirectory, localWorkers: 0, resume: true, allowNumbers, bind, ...given };
  noteResult(await superviseRun(run, reporter), runDirectory, reporter);
  return 0;
}
