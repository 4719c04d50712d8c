import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { forkMember } from '../bench/fork-members.js';
import { HostMemory } from './host-memory.js';
import { cleanStaleSharedMemory, SharedMemory, sharedMemoryDirectory } from './shared-memory.js';

const name = `test-memory-${process.pid}`;
const file = path.join(sharedMemoryDirectory(), `gantry-shm-${name}`);
const failed = expect.objectContaining({ code: 'GANTRY_SHARED_MEMORY_FAILED' });
const open: SharedMemory[] = [];
const keep = (memory: SharedMemory): SharedMemory => {
  open.push(memory);
  return memory;
};

afterEach(() => {
  for (const memory of open.splice(0)) memory.close();
  expect(fs.existsSync(file)).toBe(false);
});

describe('shared memory', () => {
  test('is the same bytes for everybody, private to the user, and gone after closing', () => {
    const made = keep(SharedMemory.create(name, 8192));
    const opened = keep(SharedMemory.open(name, 8192));
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
    new Float32Array(made.buffer)[2047] = 1.5;
    expect(new Float32Array(opened.buffer)[2047]).toBe(1.5);
    opened.close();
    opened.close();
    expect(fs.existsSync(file)).toBe(false);
    expect(new Float32Array(opened.buffer)[2047]).toBe(1.5);
  });

  test('that one process gives back holds nothing for the others', () => {
    const plan = { members: 1, shards: 1, stateFloats: 16, vectorFloats: { discriminator: 16, generator: 16 } };
    const made = HostMemory.create(name, plan);
    const opened = HostMemory.open(name, plan);
    opened.images[0].fill(1.5);
    expect([made.isDiscarded, opened.isDiscarded, HostMemory.private(plan).isDiscarded]).toEqual([false, false, false]);
    made.discard();
    expect([made.isDiscarded, opened.isDiscarded, opened.images[0][0]]).toEqual([true, true, 0]);
    opened.close();
  });

  test('is never made over a file, opened with another size, or named outside its folder', () => {
    keep(SharedMemory.create(name, 4096));
    expect(() => SharedMemory.create(name, 4096)).toThrow(failed);
    expect(() => SharedMemory.open(name, 8192)).toThrow(failed);
    expect(() => SharedMemory.open('no-such-memory', 8192)).toThrow(failed);
    expect(() => SharedMemory.create('../escape', 4096)).toThrow(failed);
  });

  test('a link in its place is not followed', () => {
    fs.symlinkSync('/etc/hostname', file);
    expect(() => SharedMemory.create(name, 4096)).toThrow(failed);
    expect(() => SharedMemory.open(name, 4096)).toThrow(failed);
    fs.rmSync(file);
  });

  test('more than there is room for is an error at once, not a signal later', () => {
    expect(() => SharedMemory.create(name, 2 ** 42)).toThrow(expect.objectContaining({ code: 'GANTRY_DISK_FULL' }));
  });

  test('what a killed process left is cleaned, what a living one holds is not', async () => {
    const member = forkMember('testing/hold-memory-process.js');
    await member.next();
    member.send(name);
    await member.next();
    expect(cleanStaleSharedMemory()).not.toContain(name);
    expect(fs.existsSync(file)).toBe(true);
    member.child.kill('SIGKILL');
    await member.exited;
    expect(fs.existsSync(file)).toBe(true);
    expect(cleanStaleSharedMemory()).toContain(name);
    expect(fs.existsSync(file)).toBe(false);
  });

  test('what is just being made survives those who clean at that moment', async () => {
    const module = new URL('../../dist/shell/shared-memory.js', import.meta.url).href;
    const source = `import(${JSON.stringify(module)}).then(({ cleanStaleSharedMemory }) => {
      const { parentPort, workerData } = require('node:worker_threads');
      parentPort.postMessage('cleaning');
      while (Atomics.load(new Int32Array(workerData), 0) === 0) cleanStaleSharedMemory();
    });`;
    const over = new Int32Array(new SharedArrayBuffer(4));
    const cleaner = new Worker(source, { eval: true, workerData: over.buffer });
    try {
      await once(cleaner, 'message');
      for (let index = 0; index < 1_000; index++) {
        const memory = SharedMemory.create(name, 4096);
        expect(fs.existsSync(file)).toBe(true);
        memory.close();
      }
    } finally {
      Atomics.store(over, 0, 1);
      await once(cleaner, 'exit');
    }
  });
});

describe('host memory', () => {
  const plan = {
    members: 2,
    shards: 2,
    stateFloats: 40,
    vectorFloats: { discriminator: 20, generator: 10 },
  };

  test('is laid out alike by all processes, from the last committed update', () => {
    const made = HostMemory.create(name, plan, 41);
    const opened = HostMemory.open(name, plan);
    made.partial('generator', 1).fill(2);
    made.images[1].fill(3);
    expect(opened.partials('generator')[1]).toEqual(new Float32Array(10).fill(2));
    expect(opened.partial('discriminator', 1)).toEqual(new Float32Array(20));
    expect(opened.images[1]).toEqual(new Float32Array(40).fill(3));
    expect(opened.applied[1]!.value).toBe(41);
    opened.close();
    made.close();
  });

  test('of another plan is refused, and stays', () => {
    const made = HostMemory.create(name, plan);
    expect(() => HostMemory.open(name, { ...plan, stateFloats: 41 })).toThrow(failed);
    expect(fs.existsSync(file)).toBe(true);
    made.close();
  });
});
