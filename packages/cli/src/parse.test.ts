import { GantryError, isLoopback } from '@gantry/common';
import { describe, expect, it } from 'vitest';
import { choiceOf, leaseMs, numberOf, settingsOf, sizesOf } from './arguments.js';
import { COMMANDS } from './commands/index.js';
import { optionSpec } from './options.js';
import { parseCommandLine } from './parse.js';

async function refusal(...argv: string[]): Promise<GantryError> {
  try {
    await parseCommandLine(argv);
  } catch (error) {
    if (error instanceof GantryError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('parseCommandLine', () => {
  it('turns flags into settings, numbers as numbers, what is none as text', async () => {
    const line = 'train --workers 3 --batch 1_000 --learning-rate 1e-3 --steps ten --lease 2s --transport tcp --json';
    const parsed = await parseCommandLine(line.split(' '));
    expect(parsed!.command.name).toBe('train');
    expect(parsed!.args.json).toBe(true);
    expect(settingsOf(parsed!.args)).toEqual({
      workers: 3,
      batch: 1000,
      steps: 'ten',
      transport: 'tcp',
      leaseMs: 2000,
      adam: { learningRate: 0.001 },
    });
  });

  it('takes = and the last of two', async () => {
    const parsed = await parseCommandLine(['train', '--seed=1', '--seed', '2', '--out', 'runs/1']);
    expect(settingsOf(parsed!.args)).toEqual({ seed: 2 });
    expect(parsed!.args.out).toBe('runs/1');
  });

  it('knows what a bench measures', async () => {
    expect((await parseCommandLine(['bench', 'allreduce', '--bytes', '4096']))!.args.what).toBe('allreduce');
    const sizes = await parseCommandLine(['bench', 'allreduce', '--bytes', '4096', '1MB', '--workers', '2']);
    expect(sizes!.args).toMatchObject({ bytes: '4096,1MB', workers: '2' });
  });

  it('takes a run directory as a word, too', async () => {
    expect((await parseCommandLine(['why', 'runs/a', '--json']))!.args).toMatchObject({ out: 'runs/a', json: true });
    expect((await parseCommandLine(['status', '--out', 'runs/a']))!.args).toEqual({ out: 'runs/a' });
    expect((await parseCommandLine(['why']))!.args).toEqual({});
  });

  it.each([
    [['why', 'runs/a', '--out', 'runs/b'], 'gantry why has both runs/a and --out: give one of them'],
    [['why', 'runs/a', 'runs/b'], 'runs/b is not expected after gantry why runs/a'],
    [['trian'], 'there is no command trian. Did you mean train?'],
    [['train', '--bacth', '3'], 'gantry train has no option --bacth. Did you mean --batch?'],
    [['train', '--checkpointEvery', '3'], 'Did you mean --checkpoint-every?'],
    [['train', '--join', 'x'], 'has no option --join (other commands have it)'],
    [['train', '--batch'], 'not enough arguments following: batch'],
    [['train', 'fast'], 'fast is not expected by gantry train'],
    [['bench', 'trian'], 'gantry bench needs one of train, allreduce (what to measure). Did you mean train?'],
    [['bench'], 'gantry bench needs one of'],
    [['--workers', '3'], 'a command comes first'],
  ])('refuses %j', async (argv, message) => {
    const error = await refusal(...argv);
    expect(error.code).toBe('GANTRY_USAGE');
    expect(error.exitCode).toBe(2);
    expect(error.message).toContain(message);
  });

  it.each(['train help', 'help train', 'train --help', 'train -h', '--help', 'help', '--version'])(
    '%s prints and runs nothing',
    async (line) => {
      expect(await parseCommandLine(line.split(' '))).toBeUndefined();
    },
  );

  it('has commands whose entries, options and examples fit', async () => {
    for (const entry of COMMANDS) {
      const command = await entry.load();
      expect(command.name).toBe(entry.name);
      expect(command.examples.length).toBeGreaterThan(0);
      expect(new Set(command.options).size).toBe(command.options.length);
      for (const option of command.options) expect(optionSpec(option).describe).not.toBe('');
    }
  });
});

describe('values', () => {
  it.each([
    ['12', 12],
    ['-1.5', -1.5],
    ['.5', 0.5],
    ['1e-3', 1e-3],
    ['1_000', 1000],
    ['0x10', '0x10'],
    ['1e', '1e'],
    ['Infinity', 'Infinity'],
    ['', ''],
  ])('number %j', (text, value) => {
    expect(numberOf(text)).toBe(value);
  });

  it.each([
    ['2s', 2000],
    ['1.5s', 1500],
    ['750ms', 750],
    ['2', 2000],
    ['2000', 2000],
    ['soon', 'soon'],
  ])('lease %j', (text, value) => {
    expect(leaseMs(text)).toBe(value);
  });

  it('one of some', () => {
    expect(choiceOf({ format: 'npy' }, 'format', ['npy', 'idx'])).toBe('npy');
    expect(() => choiceOf({ format: 'nyp' }, 'format', ['npy', 'idx'])).toThrow(
      '--format is nyp, which must be one of npy, idx. Did you mean npy?',
    );
  });

  it('sizes, in whole floats', () => {
    expect(sizesOf('4096,1MB,64KiB,2.24mb,16.8MB,4')).toEqual([4096, 1_000_000, 65_536, 2_240_000, 16_800_000, 4]);
    expect(() => sizesOf('4096,huge')).toThrow('huge is no size');
    expect(() => sizesOf('3')).toThrow('3 is 3 B, which must be a multiple of 4, as vectors');
    expect(() => sizesOf('1.001kB')).toThrow('The nearest is 1000');
    expect(() => sizesOf('0')).toThrow('The nearest is 4');
  });

  it.each([
    ['tcp://127.0.0.1:5555', true],
    ['tcp://[::1]:5555', true],
    ['tcp://localhost:*', true],
    ['ipc:///tmp/x', true],
    ['tcp://0.0.0.0:5555', false],
    ['tcp://*:5555', false],
    ['tcp://127.0.0.1.evil.org:1', false],
  ])('loopback %s', (endpoint, expected) => {
    expect(isLoopback(endpoint)).toBe(expected);
  });
});
