import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeIdx } from '@gantry/data';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  doneOf,
  type Event,
  errorOf,
  eventually,
  GantryProcess,
  gantry,
  type ProcessOptions,
  trainArguments,
  Workspace,
} from '../support/gantry.js';
import { lostHostsProblem, Network, removeStaleNamespaces } from '../support/namespaces.js';

// Where the samples come from changes no bit.
const STEPS = 60;
/** 47,040,000 bytes of images and 60,000 of labels. */
const MNIST_CHUNKS = 46;
const isRoot = process.getuid?.() === 0;

const work = new Workspace();
let folders = 0;
let alone: unknown;

beforeAll(async () => {
  alone = doneOf(await gantry(trainArguments(work.run(), { steps: STEPS, workers: 1 }))).stateSha256;
});
afterAll(() => work.remove());

/** A new cache folder of a host; `chunks` is where the data comes to lie. */
function newCache(): { readonly home: string; readonly chunks: string } {
  const home = join(work.path, `cache-${folders++}`);
  return { home, chunks: join(home, 'gantry', 'chunks') };
}

/** Chunks in a cache, by name; each of them is what its name says. */
function chunksIn(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of existsSync(folder) ? readdirSync(folder) : []) {
    if (part === 'fetching') continue;
    for (const name of readdirSync(join(folder, part))) found.set(name, join(folder, part, name));
  }
  return found;
}

const hashOf = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

function expectSound(folder: string): void {
  for (const [name, path] of chunksIn(folder)) expect(hashOf(path)).toBe(name);
}

interface Start {
  readonly options?: Readonly<Record<string, string | number>>;
  readonly env?: Record<string, string>;
}

/** A coordinator alone, and how to start workers that join it, each on a host of its own. */
async function byHand({ options = {}, env = {} }: Start = {}) {
  const out = work.run();
  const [, ...rest] = trainArguments(out, { steps: STEPS, transport: 'tcp', ...options });
  const coordinator = new GantryProcess(['coordinator', ...rest], env);
  const endpoint = (await coordinator.until(({ event }) => event === 'start')).endpoint as string;
  const join = (name: string, workerEnv: Record<string, string>, how: ProcessOptions = {}) => {
    const args = ['worker', '--join', endpoint, '--worker', name, '--host-id', `host-of-${name}`];
    return new GantryProcess(args, workerEnv, how);
  };
  return { coordinator, out, join };
}

const generation = (number: number) => (event: Event) => event.event === 'ready' && event.generation === number;

const stream = (home: string, more: Record<string, string> = {}) => ({
  GANTRY_DATA: 'stream',
  XDG_CACHE_HOME: home,
  ...more,
});
const streamedTo = (events: readonly Event[]) =>
  events.filter(({ event }) => event === 'data-streamed').map(({ worker }) => worker);

describe('data from the coordinator', () => {
  it('gives two hosts the bits of a plain run, and each of them a cache of its own', async () => {
    const { coordinator, join } = await byHand();
    const [a, b] = [newCache(), newCache()];
    const workers = [join('a', stream(a.home)), join('b', stream(b.home))];
    const finished = await coordinator.finished;
    expect(doneOf(finished).stateSha256).toBe(alone);
    expect(streamedTo(finished.events).sort()).toEqual(['a', 'b']);
    for (const worker of workers) expect((await worker.finished).code).toBe(0);
    for (const { chunks } of [a, b]) {
      expect(chunksIn(chunks).size).toBeGreaterThan(0);
      expectSound(chunks);
    }
  });

  it('is fetched by workers of one host into one cache, which another run finds', async () => {
    const { home, chunks } = newCache();
    const run = () => gantry(trainArguments(work.run(), { steps: STEPS, workers: 3 }), stream(home));
    expect(doneOf(await run()).stateSha256).toBe(alone);
    const before = [...chunksIn(chunks).values()].map((path) => [path, statSync(path).ino] as const);
    expect(before.length).toBeGreaterThan(0);
    expect(doneOf(await run()).stateSha256).toBe(alone);
    for (const [path, inode] of before) expect(statSync(path).ino).toBe(inode);
    expectSound(chunks);
  });

  it('comes to a worker that joins in the middle, and to one that was killed, from its cache', async () => {
    const { coordinator, join } = await byHand({ options: { steps: 100_000, workers: 1 } });
    const local = join('local', {});
    await coordinator.untilStep(5);
    const { home, chunks } = newCache();
    const late = join('late', stream(home));
    await coordinator.until(generation(2));
    await coordinator.progressed(10);
    late.child.kill('SIGKILL');
    await coordinator.until(({ event, worker }) => event === 'worker-lost' && worker === 'late');
    // One file is damaged on the disk: it is found out, and fetched again; the others are not.
    const before = chunksIn(chunks);
    const [damaged, path] = [...before][0]!;
    const others = [...before.values()].slice(1).map((file) => [file, statSync(file).ino] as const);
    expect(others.length).toBeGreaterThan(0);
    writeFileSync(path, readFileSync(path).fill(7, 100, 200));
    const again = join('again', stream(home));
    await coordinator.until(generation(4));
    await coordinator.progressed(10);
    await eventually(() => chunksIn(chunks).size === MNIST_CHUNKS && hashOf(path) === damaged, 'the cache is whole');
    for (const [file, inode] of others) expect(statSync(file).ino).toBe(inode);
    coordinator.child.kill('SIGINT');
    const done = doneOf(await coordinator.finished);
    const plain = doneOf(await gantry(trainArguments(work.run(), { steps: done.step as number })));
    expect(done.stateSha256).toBe(plain.stateSha256);
    for (const worker of [local, again]) expect((await worker.finished).code).toBe(0);
    // Who has the same data set reads its own.
    expect(streamedTo(coordinator.events)).toEqual(['late', 'again']);
  });

  it('goes on coming from the next coordinator', async () => {
    const { coordinator, out, join } = await byHand({ options: { 'checkpoint-every': 20 } });
    const { home } = newCache();
    const workers = [join('a', stream(home)), join('b', stream(home))];
    await coordinator.until(({ event }) => event === 'checkpoint');
    coordinator.child.kill('SIGKILL');
    await coordinator.finished;
    const next = new GantryProcess(['coordinator', '--resume', '--json', '--out', out]);
    expect(doneOf(await next.finished).stateSha256).toBe(alone);
    for (const worker of workers) expect((await worker.finished).code).toBe(0);
  });

  it('is refused where a chunk is not what its hash says', async () => {
    const { coordinator, join } = await byHand({
      options: { workers: 1 },
      env: { GANTRY_FAULT: 'chunk@3:coordinator' },
    });
    const { home, chunks } = newCache();
    const worker = join('a', stream(home));
    const lost = await coordinator.until(({ event }) => event === 'worker-lost');
    expect(lost).toMatchObject({ worker: 'a', reason: expect.stringContaining('chunk 2 of mnist/train') });
    const { code, stderr } = await worker.finished;
    expect(code).toBe(1);
    expect(stderr).toContain('code=GANTRY_DATASET_INVALID');
    coordinator.child.kill('SIGKILL');
    await coordinator.finished;
    expect(chunksIn(chunks).size).toBeLessThan(MNIST_CHUNKS);
    expectSound(chunks);
  });
});

describe('a worker whose host', () => {
  const IMAGES = 200;
  /** A folder with a data set, of which `salt` decides the bytes. */
  function folderWith(salt: number): string {
    const folder = join(work.path, `data-${folders++}`);
    mkdirSync(folder);
    const pixels = Uint8Array.from({ length: IMAGES * 784 }, (_, i) => (i * salt) & 255);
    writeFileSync(join(folder, 'train-images-idx3-ubyte'), encodeIdx([IMAGES, 28, 28], pixels));
    return folder;
  }

  /** What a worker sees in place of that folder: a mount of its own. */
  const hidden = (folder: string) => `mount -t tmpfs gantry-test ${folder}`;
  const replaced = (folder: string) => `mount --bind ${folderWith(7)} ${folder}`;

  it.runIf(isRoot).each([
    ['has no data set of that name', hidden, /holds no train images/],
    ['has another one of that name', replaced, /is another data set there/],
  ])('%s gets that of the coordinator (needs root)', async (_, mount, reason) => {
    const folder = folderWith(31);
    const options = { dataset: `idx:${folder}`, steps: 20, workers: 1 };
    const plain = doneOf(await gantry(trainArguments(work.run(), options)));
    const { coordinator, join } = await byHand({ options });
    const within = ['unshare', '--mount', 'sh', '-c', `${mount(folder)} && exec "$@"`, 'sh'];
    const worker = join('a', { XDG_CACHE_HOME: newCache().home }, { within });
    const finished = await coordinator.finished;
    expect(doneOf(finished).stateSha256).toBe(plain.stateSha256);
    const streamed = finished.events.find(({ event }) => event === 'data-streamed');
    expect(streamed).toMatchObject({ worker: 'a', host: 'host-of-a', reason: expect.stringMatching(reason) });
    expect((await worker.finished).code).toBe(0);
  });

  it('and the coordinator have no such data set is told so', async () => {
    const options = { dataset: `idx:${join(work.path, 'nowhere')}`, workers: 1 };
    const { coordinator, join: start } = await byHand({ options });
    const worker = start('a', {});
    const error = errorOf(await coordinator.finished);
    expect(error.code).toBe('GANTRY_DATASET_NOT_FOUND');
    expect(error.message).toMatch(/nowhere does not exist.*does not come from the coordinator either/);
    expect((await worker.finished).code).toBe(1);
  });
});

describe('a worker with little', () => {
  it('memory holds what it needs soon, and trains before all has come', async () => {
    const count = 120_000;
    const folder = join(work.path, `data-${folders++}`);
    mkdirSync(folder);
    const pixels = Uint8Array.from({ length: count * 784 }, (_, i) => (i * 31 + (i >>> 20) * 7) & 255);
    writeFileSync(join(folder, 'train-images-idx3-ubyte'), encodeIdx([count, 28, 28], pixels));
    const options = { dataset: `idx:${folder}`, steps: 3, workers: 1 };
    const { home, chunks } = newCache();
    const run = gantry(trainArguments(work.run(), options), stream(home, { GANTRY_DATA_MEMORY: '40' }));
    const streamed = doneOf(await run);
    expect(streamed.stateSha256).toBe(doneOf(await gantry(trainArguments(work.run(), options))).stateSha256);
    const had = chunksIn(chunks).size;
    expect(had).toBeGreaterThan(40);
    expect(had).toBeLessThan(Math.ceil((count * 784) / 2 ** 20));
  });

  it.runIf(isRoot)('room on its disk keeps the data in memory, and says so (needs root)', async () => {
    const { home, chunks } = newCache();
    mkdirSync(home);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2500k', 'gantry-test', home]);
    try {
      const { coordinator, join } = await byHand({ options: { workers: 1 } });
      const worker = join('a', stream(home));
      const finished = await coordinator.finished;
      expect(doneOf(finished).stateSha256).toBe(alone);
      const warnings = finished.events.filter(({ event }) => event === 'warning').map(({ message }) => String(message));
      expect(warnings).toEqual([expect.stringMatching(/^a \(host host-of-a\): .*there is no more room/)]);
      expect((await worker.finished).code).toBe(0);
      expect(chunksIn(chunks).size).toBeLessThan(4);
      expectSound(chunks);
    } finally {
      execFileSync('umount', [home]);
    }
  });
});

const problem = lostHostsProblem();

describe('over a slow link, encrypted', () => {
  it.runIf(problem === '')('data keeps no heartbeat waiting: nobody is lost (needs root)', async () => {
    removeStaleNamespaces();
    const network = new Network(2);
    try {
      // All of the data takes 4 s, some leases.
      network.limit(0, { rate: '100mbit' });
      const keys = join(work.path, 'keys');
      expect((await gantry(['keygen', '--out', keys, '--worker', 'a'])).code).toBe(0);
      const options = { steps: 20, workers: 1, transport: 'tcp' };
      const [, ...rest] = trainArguments(work.run(), options);
      const bind = `tcp://${network.address(0)}:0`;
      const command = ['coordinator', '--keys', keys, '--bind', bind, ...rest];
      const coordinator = new GantryProcess(command, {}, { within: network.within(0) });
      const endpoint = (await coordinator.until(({ event }) => event === 'start')).endpoint as string;
      const joining = ['worker', '--join', endpoint, '--keys', join(keys, 'a.key')];
      const worker = new GantryProcess(joining, stream(newCache().home), { within: network.within(1) });
      const finished = await coordinator.finished;
      const plain = doneOf(await gantry(trainArguments(work.run(), { steps: 20 })));
      expect(doneOf(finished).stateSha256).toBe(plain.stateSha256);
      expect(streamedTo(finished.events)).toEqual(['a']);
      // The state goes the other way, in one piece, and is no matter of this test.
      const isLost = ({ event, phase }: Event): boolean => event === 'worker-lost' && phase !== 'saving';
      expect(finished.events.filter(isLost)).toEqual([]);
      expect((await worker.finished).code).toBe(0);
    } finally {
      network.remove();
    }
  });
});
