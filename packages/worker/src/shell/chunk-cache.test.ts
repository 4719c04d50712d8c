import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { CHUNK_KEPT_MS, CHUNK_READ_KNOWN_MS, CLAIM_STALE_MS, DEBRIS_STALE_MS } from '../constants.js';
import { ChunkCache } from './chunk-cache.js';

const root = mkdtempSync(join(tmpdir(), 'gantry-cache-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const data = Uint8Array.from({ length: 5_000 }, (_, i) => i % 251);
const sha256 = createHash('sha256').update(data).digest('hex');
const path = (folder: string) => join(folder, sha256.slice(0, 2), sha256);

let folder = '';
let troubles: string[] = [];
beforeEach(() => {
  folder = join(mkdtempSync(join(root, 'one-')), 'chunks');
  troubles = [];
});
const cache = () => new ChunkCache(folder, (message) => troubles.push(message));

async function readBack(from: ChunkCache): Promise<Uint8Array | null> {
  const into = new Uint8Array(data.length);
  return (await from.read(sha256, into)) ? into : null;
}

/** Makes a file look old. */
function age(file: string, ms: number): void {
  const then = (Date.now() - ms) / 1000;
  utimesSync(file, then, then);
}

it('what one worker has stored another one reads, from a file that is named by its hash', async () => {
  await cache().store(sha256, data);
  expect(await readBack(cache())).toEqual(data);
  expect(new Uint8Array(readFileSync(path(folder)))).toEqual(data);
  expect(statSync(path(folder)).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(folder, 'fetching'))).toEqual([]);
  expect(troubles).toEqual([]);
});

it.each<[string, (file: string) => void]>([
  [
    'has a byte changed',
    (file) =>
      writeFileSync(
        file,
        data.map((byte, i) => (i === 99 ? byte ^ 1 : byte)),
      ),
  ],
  ['was cut', (file) => writeFileSync(file, data.subarray(0, 10))],
  ['grew', (file) => writeFileSync(file, new Uint8Array(data.length + 1))],
])('a file that %s is found out and removed', async (_, damage) => {
  await cache().store(sha256, data);
  damage(path(folder));
  expect(await readBack(cache())).toBe(null);
  expect(readdirSync(join(folder, sha256.slice(0, 2)))).toEqual([]);
  await cache().store(sha256, data);
  expect(await readBack(cache())).toEqual(data);
});

it('one worker fetches a chunk, the others wait; who takes too long is not waited for', async () => {
  expect(await cache().claim(sha256)).toBe(true);
  expect(await cache().claim(sha256)).toBe(false);
  age(join(folder, 'fetching', `${sha256}.claim`), CLAIM_STALE_MS + 1_000);
  expect(await cache().claim(sha256)).toBe(true);
  await cache().store(sha256, data);
  expect(readdirSync(join(folder, 'fetching'))).toEqual([]);
});

it('what killed workers left in the making is removed', async () => {
  await cache().store(sha256, data);
  const left = join(folder, 'fetching', 'left');
  writeFileSync(left, data);
  await cache().store(sha256, data);
  expect(readdirSync(join(folder, 'fetching'))).toEqual(['left']);
  age(left, DEBRIS_STALE_MS + 1_000);
  await cache().claim('0'.repeat(64));
  expect(readdirSync(join(folder, 'fetching'))).toEqual([`${'0'.repeat(64)}.claim`]);
});

it('what nobody has read for long goes, when a worker begins to write; what is read stays', async () => {
  const other = { data: data.subarray(1), sha256: createHash('sha256').update(data.subarray(1)).digest('hex') };
  const otherPath = join(folder, other.sha256.slice(0, 2), other.sha256);
  await cache().store(sha256, data);
  await cache().store(other.sha256, other.data);
  for (const file of [path(folder), otherPath]) age(file, CHUNK_KEPT_MS + 60_000);
  expect(await readBack(cache())).toEqual(data);
  await cache().claim('0'.repeat(64));
  await expect.poll(() => existsSync(otherPath)).toBe(false);
  expect(await readBack(cache())).toEqual(data);
  // Not at every read: a day does not matter.
  age(path(folder), CHUNK_READ_KNOWN_MS / 2);
  const { mtimeMs } = statSync(path(folder));
  await readBack(cache());
  expect(statSync(path(folder)).mtimeMs).toBe(mtimeMs);
  expect(troubles).toEqual([]);
});

it('a folder that cannot be written is told of once, and everything is fetched', async () => {
  mkdirSync(join(folder, '..'), { recursive: true });
  writeFileSync(folder, 'a file where the folder should be');
  const broken = cache();
  expect(await broken.claim(sha256)).toBe(true);
  await broken.store(sha256, data);
  await broken.store(sha256, data);
  expect(await readBack(broken)).toBe(null);
  expect(troubles).toEqual([expect.stringContaining(folder)]);
});
