import { isGiven } from '../arguments.js';
import type { Command } from '../command.js';
import { noteResult } from '../note-result.js';
import { RUN_OPTIONS } from '../options.js';
import { createReporter } from '../reporters/create-reporter.js';
import { configOf, localTransport, runDirectoryOf } from '../run-config.js';
import { superviseRun } from '../supervise.js';

export const train: Command = {
  name: 'train',
  summary: 'Train on this machine: a coordinator and its workers',
  options: [...RUN_OPTIONS],
  examples: [
    ['train', 'The preset mlp on MNIST, two workers, into runs/mlp-1'],
    ['train --workers 4 --batch 256 --steps 20000 --out runs/wide', 'Four processes, 64 images each a step'],
    ['train --preset mlp-plain --updates simultaneous', 'The GAN as the article prints it'],
    ['train --model my-gan.ts --dataset idx:data', 'Your own networks and images'],
    ['train --json', 'Events as JSON lines, for scripts'],
  ],
  async run(args) {
    const config = await configOf(args, { transport: localTransport() });
    const runDirectory = runDirectoryOf(args, config);
    const reporter = await createReporter({ json: isGiven(args, 'json') });
    const result = await superviseRun({ config, runDirectory, localWorkers: config.workers, resume: false }, reporter);
    noteResult(result, runDirectory, reporter);
    return 0;
  },
};
