import { expect, it } from 'vitest';
import { resumedBind } from './resumed-bind.js';

it.each([
  [undefined, 'tcp://10.0.0.5:4711'],
  ['tcp://10.0.0.5:0', 'tcp://10.0.0.5:4711'],
  ['tcp://10.0.0.5:*', 'tcp://10.0.0.5:4711'],
  ['tcp://10.0.0.5:5555', 'tcp://10.0.0.5:5555'],
  ['tcp://10.0.0.50:0', 'tcp://10.0.0.50:0'],
  ['tcp://10.0.0:0', 'tcp://10.0.0:0'],
])('--bind %s goes on at %s', async (given, expected) => {
  expect(await resumedBind(given, async () => 'tcp://10.0.0.5:4711')).toBe(expected);
});

it('knows addresses of version 6', async () => {
  expect(await resumedBind('tcp://[::1]:0', async () => 'tcp://[::1]:4711')).toBe('tcp://[::1]:4711');
});

it('needs the coordinator before only where nothing else says where', async () => {
  const gone = async (): Promise<string> => {
    throw new Error('no status');
  };
  expect(await resumedBind('tcp://10.0.0.5:5555', gone)).toBe('tcp://10.0.0.5:5555');
  expect(await resumedBind('tcp://10.0.0.5:0', gone)).toBe('tcp://10.0.0.5:0');
  await expect(resumedBind(undefined, gone)).rejects.toThrow('no status');
});
