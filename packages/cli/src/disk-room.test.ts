import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bytesNeeded, requireRoom } from './disk-room.js';

const shape = { count: 1000, imageShape: [28, 28, 1] } as const;

it('counts the bytes of arrays, and a block for each picture', () => {
  expect(bytesNeeded('npy', shape, 4096)).toBe(128 + 784_000);
  expect(bytesNeeded('idx', shape, 4096)).toBe(16 + 784_000);
  expect(bytesNeeded('png', shape, 4096)).toBe(4_096_000);
  expect(bytesNeeded('grid', shape, 4096)).toBe(4096);
});

it('refuses what does not fit, with both numbers', () => {
  const target = { format: 'npy', to: '/data/x.npy' } as const;
  expect(() => requireRoom(target, shape, { free: 784_127, block: 4096 })).toThrow(
    expect.objectContaining({
      code: 'GANTRY_DISK_FULL',
      message: expect.stringContaining('no room to write /data/x.npy: it needs 784 kB and its disk has 784 kB free'),
      details: { file: '/data/x.npy', bytesNeeded: 784_128, bytesFree: 784_127 },
    }),
  );
  expect(() => requireRoom(target, shape, { free: 784_128, block: 4096 })).not.toThrow();
});

it('asks the disk of the nearest folder that is there', () => {
  const to = join(tmpdir(), 'not', 'there', 'yet.npy');
  expect(() => requireRoom({ format: 'npy', to }, { ...shape, count: 1 })).not.toThrow();
  // A petabyte.
  expect(() => requireRoom({ format: 'npy', to }, { ...shape, count: 2 ** 41 })).toThrow('no room to write');
});
