import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { Sha256, sha256Hex } from './hash.js';
import { createLogger } from './log.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-log-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('appends JSON lines with fields, errors unfolded, below the level left out', () => {
  const file = join(folder, 'deep', 'run.jsonl');
  const logger = createLogger({ stderr: null, file, fileLevel: 'info', fields: { name: 'w0' } });
  logger.log('debug', 'not written');
  logger.log('warn', 'slow', { update: 3, cause: new Error('because') });
  logger.close();
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  expect(lines).toHaveLength(1);
  const line = JSON.parse(lines[0]!);
  expect(line).toMatchObject({ level: 'warn', message: 'slow', name: 'w0', update: 3 });
  expect(line.cause.message).toBe('because');
  expect(Number.isNaN(Date.parse(line.time))).toBe(false);
});

it('hashes the same in one go and in pieces (FIPS 180-4 example "abc")', () => {
  const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  expect(sha256Hex('abc')).toBe(abc);
  expect(new Sha256().update('a').update(new TextEncoder().encode('bc')).hex()).toBe(abc);
  const floats = new Float32Array([1, -2]);
  expect(sha256Hex(floats)).toBe(sha256Hex(new Uint8Array(floats.buffer)));
  expect(sha256Hex(floats.subarray(1))).not.toBe(sha256Hex(floats));
});
