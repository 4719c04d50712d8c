import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { RunStatus } from '../core/status.js';
import { earlierLosses, fileOf, NO_LOSSES, readStatus, StatusWriter, type StoredLoss } from './status-file.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'gantry-status-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const where = { worker: 'worker-1', host: 'box', pid: 9, device: 'cpu', generation: 1, update: 81, phase: 'computing' };
const loss = { ...where, phaseMs: 10, silentMs: 5, reason: 'killed by SIGKILL' };
const status = { run: 'r', losses: [{ ...loss, agoMs: 1_000 }], lossCount: 1 } as unknown as RunStatus;
const before: StoredLoss = { ...loss, worker: 'worker-0', at: '2026-01-01T00:00:00.000Z' };

it('tells losses with the time of day, those of earlier coordinators first', () => {
  const nowMs = Date.parse('2026-01-02T00:00:01.000Z');
  const rest = { endpoint: 'tcp://x', takeOverCommand: null, owner: { pid: 1, startTime: '', hostname: 'h' } };
  const file = fileOf(status, { ...rest, earlier: { losses: [before], lossCount: 1 }, nowMs });
  expect(file.losses).toEqual([before, { ...loss, at: '2026-01-02T00:00:00.000Z' }]);
  expect(file).toMatchObject({ lossCount: 2, writtenAt: '2026-01-02T00:00:01.000Z', endpoint: 'tcp://x' });
});

it('what is asked for while a write is under way is written after it, once', async () => {
  let asked = 0;
  const options = { runDirectory: folder, endpoint: 'tcp://x', takeOverCommand: null, earlier: NO_LOSSES };
  const writer = new StatusWriter({ ...options, status: () => ({ ...status, step: ++asked }) });
  const first = writer.write();
  while (asked === 0) await new Promise((resolve) => setImmediate(resolve));
  await Promise.all([first, writer.write(), writer.write()]);
  expect(asked).toBe(2);
  expect(JSON.parse(await readFile(path.join(folder, 'status.json'), 'utf8'))).toMatchObject({ step: 2 });
  expect(await readdir(folder)).toEqual(['status.json']);
  expect(await earlierLosses(folder, 'r')).toMatchObject({ lossCount: 1, losses: [{ worker: 'worker-1' }] });
  expect(await earlierLosses(folder, 'another run')).toEqual(NO_LOSSES);
});

it('nobody hears that a status cannot be written', async () => {
  const options = { runDirectory: path.join(folder, 'gone'), endpoint: '', takeOverCommand: null, earlier: NO_LOSSES };
  await new StatusWriter({ ...options, status: () => status }).write();
  await expect(readStatus(options.runDirectory)).rejects.toMatchObject({ code: 'GANTRY_RUN_NOT_FOUND' });
  await writeFile(path.join(folder, 'status.json'), '{');
  expect(await earlierLosses(folder, 'r')).toEqual(NO_LOSSES);
});
