import { expect, it } from 'vitest';
import { train } from './commands/train.js';
import { plainArgs } from './plain-args.js';

it('takes the ordinary command line', () => {
  expect(plainArgs(train, [])).toEqual({});
  expect(plainArgs(train, ['--workers', '2', '--dataset=idx:a=b', '--json', '--out', 'my runs/1'])).toEqual({
    workers: '2',
    dataset: 'idx:a=b',
    json: true,
    out: 'my runs/1',
  });
});

it.each([
  [['--workres', '2']],
  [['--workers']],
  [['--workers', '--json']],
  [['--workers', '2', '--workers', '3']],
  [['--workers', '-1']],
  [['--workers', '']],
  [['--out', '"quoted"']],
  [['--json=false']],
  [['--json', 'extra']],
  [['--help']],
  [['-h']],
  [['--', 'x']],
])('leaves %j to yargs', (argv) => {
  expect(plainArgs(train, argv)).toBeUndefined();
});
