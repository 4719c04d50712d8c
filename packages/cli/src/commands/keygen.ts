import { basename, join } from 'node:path';
import { plural, shellQuote } from '@gantry/common';
import { writeKeyFolder } from '@gantry/common/keys';
import { isGiven, requiredText, textOf, usage, wholeOf } from '../arguments.js';
import type { Args, Command } from '../command.js';
import { ownCommand } from '../own-command.js';

const WORKERS_DEFAULT = 2;
/** Far more than one coordinator serves. */
const WORKERS_MAX = 1024;

export const keygen: Command = {
  name: 'keygen',
  summary: 'Make the keys of a coordinator and its workers; none is ever overwritten',
  options: ['out', 'workers', 'worker', 'add'],
  lists: ['worker'],
  examples: [
    [
      'keygen --out keys --workers 2',
      'keys/server.key, keys/worker-0.key, keys/worker-1.key and the allow-list keys/allowed',
    ],
    ['keygen --out keys --worker alice bob', 'Workers by name'],
    ['keygen --out keys --worker carol --add', 'One more; a coordinator that runs admits it at once'],
    ['coordinator --keys keys --bind tcp://10.0.0.5:5555', 'Then: everything encrypted, and only these workers join'],
    ['worker --keys worker-0.key --join tcp://10.0.0.5:5555', 'On another machine, with its file alone'],
  ],
  async run(args) {
    const folder = requiredText(args, 'out', '--out keys');
    const files = writeKeyFolder(folder, workersOf(args), { add: isGiven(args, 'add') });
    const quoted = shellQuote(folder);
    say(
      `keys        of ${plural(files.length, 'worker')} in ${folder}: ${files.map((file) => basename(file)).join(' ')}`,
    );
    say(`coordinator ${ownCommand()} coordinator --keys ${quoted} --bind tcp://ADDRESS:5555`);
    say(`worker      ${ownCommand()} worker --keys ${shellQuote(files[0]!)} --join tcp://ADDRESS:5555`);
    say(
      `Copy to a worker's machine its own file and no other, and keep ${join(folder, 'server.key')} where the coordinator runs.`,
    );
    say(`Who may join is in ${join(folder, 'allowed')}: a line taken out revokes a key at once.`);
    return 0;
  },
};

function workersOf(args: Args): string[] {
  const named = textOf(args, 'worker');
  const count = wholeOf(args, 'workers', { min: 1, max: WORKERS_MAX });
  if (named !== undefined && count !== undefined)
    usage('--workers and --worker say the same in two ways: leave one out');
  if (named !== undefined) return named.split(',').map((name) => name.trim());
  if (count === undefined && isGiven(args, 'add')) usage('whom to add? For example --worker carol --add');
  return Array.from({ length: count ?? WORKERS_DEFAULT }, (_, index) => `worker-${index}`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
