import { statSync } from 'node:fs';
import { isGiven, requiredText, textOf } from '../arguments.js';
import type { Command } from '../command.js';
import { leaveOnEof } from '../leave-on-eof.js';
import { keysOf, warnInsecure } from '../security.js';

export const worker: Command = {
  name: 'worker',
  summary: 'One worker that joins a coordinator; the run tells it everything else',
  options: ['join', 'worker', 'host-id', 'hub', 'keys', 'data-host', 'insecure'],
  examples: [
    ['worker --join tcp://127.0.0.1:5555', 'Joins, trains, and ends with the run'],
    [
      'worker --keys worker-0.key --join tcp://10.0.0.5:5555',
      'On another machine, encrypted; see gantry keygen --help',
    ],
    [
      'worker --join tcp://127.0.0.1:5555',
      'Without the data set: it comes from the coordinator; GANTRY_DATA=stream|local|auto says whether it may',
    ],
    [
      'worker --join tcp://127.0.0.1:5555 --host-id other',
      'As if on a machine of its own: no memory is shared with workers of other host ids',
    ],
  ],
  async run(args) {
    leaveOnEof();
    const { placeOf } = await import('@gantry/launch/place');
    const place = placeOf(process.env, isFolder);
    const join = textOf(args, 'join') ?? place.join ?? requiredText(args, 'join', '--join tcp://127.0.0.1:5555');
    const name = textOf(args, 'worker') ?? place.worker;
    const host = textOf(args, 'host-id') ?? place.host;
    const dataHost = textOf(args, 'data-host') ?? place.dataHost;
    const keys = textOf(args, 'keys') ?? place.keys ?? keysOf(args);
    const insecure = isGiven(args, 'insecure');
    warnInsecure(join, { insecure, keys });
    const { runWorker } = await import('@gantry/worker');
    return runWorker({
      join,
      hub: isGiven(args, 'hub'),
      insecure,
      ...(keys === undefined ? {} : { keys }),
      ...(dataHost === undefined ? {} : { dataHost }),
      ...(name === undefined ? {} : { worker: name }),
      ...(host === undefined ? {} : { host }),
    });
  },
};

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
