import { isGiven } from '../arguments.js';
import type { Command } from '../command.js';
import { runNamed } from '../run-named.js';

export const why: Command = {
  name: 'why',
  summary: 'Why a run is as it is: what each worker was last doing, who was lost, what ended it, what to do',
  operand: { name: 'RUN', option: 'out' },
  options: ['out', 'json'],
  examples: [
    ['why', 'Of the newest run in runs/, whether it goes on, has ended or was killed'],
    ['why runs/mlp-1', 'The same of this one; --out runs/mlp-1 says it too'],
    ['why runs/mlp-1 --json', 'All of it as one JSON object'],
  ],
  async run(args) {
    const runDirectory = await runNamed(args);
    const { accountOf } = await import('../why/account.js');
    const account = await accountOf(runDirectory, Date.now());
    const { describe } = await import('../why/describe.js');
    const text = isGiven(args, 'json') ? JSON.stringify({ event: 'why', ...account }) : describe(account, Date.now());
    process.stdout.write(`${text}\n`);
    return 0;
  },
};
