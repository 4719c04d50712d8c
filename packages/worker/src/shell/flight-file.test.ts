import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { STUCK_MS } from '../constants.js';
import type { FlightDump } from '../core/flight-dump.js';
import { FlightRecorder } from '../core/flight-recorder.js';
import { FlightFile } from './flight-file.js';
import { PHASE_INDEX, ProgressWords } from './progress-words.js';
import { StepClock } from './step-clock.js';
import { watchStuck } from './stuck-watch.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gantry-flight-'));
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(folder, { recursive: true, force: true });
});

/** A worker in its second phase of update 7. */
function worker(path: string) {
  const [progress, recorder] = [new ProgressWords(), new FlightRecorder()];
  const clock = new StepClock(progress, recorder);
  const { timeOrigin } = performance;
  clock.begin(7);
  clock.enter(PHASE_INDEX.computing);
  clock.enter(PHASE_INDEX.gathering);
  const file = new FlightFile({ path, worker: 'worker-1', recorder, progress, timeOrigin, writer: 'test' });
  return { progress, clock, file };
}

it('leaves the newest dump, whole, and nothing beside it', async () => {
  const path = join(folder, 'worker-1.flight.json');
  const { clock, file } = worker(path);
  await file.write('generation 1 has ended');
  clock.enter(PHASE_INDEX.updating);
  await file.write('generation 2 has ended');
  const dump = JSON.parse(await readFile(path, 'utf8')) as FlightDump;
  expect(dump).toMatchObject({ worker: 'worker-1', pid: process.pid, phase: 'updating', update: 7 });
  expect(dump.reason).toBe('generation 2 has ended');
  expect(dump.records.map(({ event, update }) => [event, update])).toEqual([
    ['computing', 7],
    ['gathering', 7],
    ['updating', 7],
  ]);
  expect(dump.records.every(({ agoMs }) => agoMs >= 0)).toBe(true);
  expect(await readdir(folder)).toEqual(['worker-1.flight.json']);
});

it('a disk that cannot be written to is nobody’s trouble', async () => {
  await worker(join(folder, 'missing', 'x.flight.json')).file.write('a loss');
  expect(await readdir(folder)).toEqual([]);
});

it('a phase of an update that lasts too long is told once; one that may rightly last is not', () => {
  vi.useFakeTimers();
  const { progress, clock, file } = worker(join(folder, 'x.flight.json'));
  const told: string[] = [];
  file.write = async (reason) => void told.push(reason);
  const watch = watchStuck({ file, progress, mainTimeOrigin: performance.timeOrigin });
  vi.advanceTimersByTime(STUCK_MS - 10);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(4 * STUCK_MS);
  expect(told).toHaveLength(1);
  expect(told[0]).toMatch(/^in phase gathering for 0\.[5-9] s$/);
  clock.enter(PHASE_INDEX.ready);
  vi.advanceTimersByTime(4 * STUCK_MS);
  clock.enter(PHASE_INDEX.computing);
  vi.advanceTimersByTime(4 * STUCK_MS);
  expect(told.map((reason) => reason.split(' ')[2])).toEqual(['gathering', 'computing']);
  watch.close();
});
