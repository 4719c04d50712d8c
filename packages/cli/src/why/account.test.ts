import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { newestRun, runNamed } from '../run-named.js';
import { accountOf } from './account.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(os.tmpdir(), 'gantry-why-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function writeRun(name: string, status: object): string {
  const run = join(folder, name);
  mkdirSync(join(run, 'logs'), { recursive: true });
  writeFileSync(join(run, 'status.json'), JSON.stringify(status));
  return run;
}

const writtenAt = '2026-01-01T00:00:00.000Z';
const member = { worker: 'worker-1', local: true, phase: 'computing', workingUpdate: 8, phaseMs: 5, silentMs: 5 };
const status = {
  ...{ stage: 'failed', generation: 1, step: 4, steps: 9, update: 8, losses: [], lossCount: 0, absent: [] },
  ...{ leaseMs: 1500, checkpoint: null, resumeCommand: 'npx gantry resume --out x', takeOverCommand: null, writtenAt },
  failure: { code: 'GANTRY_WORKER_LOST', message: 'lost', details: { worker: 'worker-1' } },
  owner: { pid: 1, startTime: '', hostname: os.hostname() },
};

it('is read from the run directory alone, whatever is damaged in it', async () => {
  // This process is no worker: its number was used again.
  const run = writeRun('a', { ...status, members: [{ ...member, pid: process.pid }] });
  writeFileSync(join(run, 'logs', 'worker-1.log'), '');
  writeFileSync(join(run, 'logs', 'worker-0.flight.json'), '{');
  writeFileSync(join(run, 'logs', 'worker-1.flight.json'), JSON.stringify({ worker: 'worker-1', records: [] }));
  const account = await accountOf(run, Date.parse(writtenAt) + 2_000);
  expect(account).toMatchObject({ alive: false, stands: 'failed', ageMs: 2_000, log: join(run, 'logs/worker-1.log') });
  expect(account.flightRecorders.map(({ worker }) => worker)).toEqual(['worker-1']);
  expect(account.members[0]?.process).toBe(process.platform === 'linux' ? 'gone' : 'unknown');
  expect(account.next).toEqual([
    { command: 'npx gantry resume --out x', what: 'from the beginning: nothing was saved' },
  ]);
});

it('speaks of workers that wait for a coordinator only where there may be any', async () => {
  const takeOver = { ...status, stage: 'training', failure: null, takeOverCommand: 'npx gantry coordinator --resume' };
  const gone = writeRun('a', { ...takeOver, members: [{ ...member, pid: process.pid }] });
  const elsewhere = writeRun('b', { ...takeOver, members: [{ ...member, local: false, host: 'other' }] });
  const commands = async (run: string) => (await accountOf(run, 0)).next.map(({ command }) => command);
  expect(await commands(elsewhere)).toEqual(['npx gantry coordinator --resume', 'npx gantry resume --out x']);
  if (process.platform === 'linux') expect(await commands(gone)).toEqual(['npx gantry resume --out x']);
});

it('says nothing of processes of another machine', async () => {
  const owner = { ...status.owner, hostname: 'elsewhere' };
  const run = writeRun('a', { ...status, owner, failure: null, members: [{ ...member, pid: process.pid }] });
  const account = await accountOf(run, Date.parse(writtenAt));
  expect(account.members[0]?.process).toBe('unknown');
  expect(account.log).toBeNull();
});

it('is of the run that was written last, unless one is named', async () => {
  const old = writeRun('old', status);
  writeRun('new', status);
  mkdirSync(join(folder, 'none'));
  utimesSync(join(old, 'status.json'), 1, 1);
  expect(await newestRun(folder)).toBe(join(folder, 'new'));
  expect(await runNamed({ out: old })).toBe(old);
  await expect(newestRun(join(folder, 'none'))).rejects.toMatchObject({ code: 'GANTRY_RUN_NOT_FOUND' });
  await expect(accountOf(join(folder, 'none'), 0)).rejects.toMatchObject({ code: 'GANTRY_RUN_NOT_FOUND' });
});
