import { isGiven, textOf } from '../arguments.js';
import type { Command } from '../command.js';
import { isLoopback } from '../loopback.js';
import { noteResult } from '../note-result.js';
import { RUN_OPTIONS } from '../options.js';
import { createReporter } from '../reporters/create-reporter.js';
import { configOf, localTransport, runDirectoryOf } from '../run-config.js';
import { keysOf, warnInsecure } from '../security.js';
import { superviseRun } from '../supervise.js';

export const coordinator: Command = {
  name: 'coordinator',
  summary: 'Only the coordinator; as many workers as --workers says are started by hand',
  options: [...RUN_OPTIONS, 'bind', 'keys', 'insecure'],
  examples: [
    ['coordinator --workers 2 --bind tcp://127.0.0.1:5555', 'Waits for two workers, then trains'],
    ['worker --join tcp://127.0.0.1:5555', 'One of them'],
    ['coordinator --keys keys --bind tcp://10.0.0.5:5555', 'For workers of other machines; see gantry keygen --help'],
  ],
  async run(args) {
    const bind = textOf(args, 'bind');
    // Workers that come over the network share no memory.
    const transport = bind === undefined || isLoopback(bind) ? localTransport() : 'tcp';
    const config = await configOf(args, { transport });
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
