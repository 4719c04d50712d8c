import { isGiven, requiredText, textOf } from '../arguments.js';
import type { Command } from '../command.js';

export const worker: Command = {
  name: 'worker',
  summary: 'One worker that joins a coordinator; the run tells it everything else',
  options: ['join', 'worker', 'host-id', 'hub', 'insecure'],
  examples: [
    ['worker --join tcp://127.0.0.1:5555', 'Joins, trains, and ends with the run'],
    [
      'worker --join tcp://127.0.0.1:5555 --host-id other',
      'As if on a machine of its own (coordinator --transport tcp)',
    ],
  ],
  async run(args) {
    const join = requiredText(args, 'join', '--join tcp://127.0.0.1:5555');
    const name = textOf(args, 'worker');
    const host = textOf(args, 'host-id');
    const { runWorker } = await import('@gantry/worker');
    return runWorker({
      join,
      hub: isGiven(args, 'hub'),
      insecure: isGiven(args, 'insecure'),
      ...(name === undefined ? {} : { worker: name }),
      ...(host === undefined ? {} : { host }),
    });
  },
};
