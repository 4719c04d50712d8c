import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type GantryError, type RunConfig, sha256Hex } from '@gantry/common';
import { decode } from 'fast-png';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Dealer } from 'zeromq';
import type { RunEvent } from '../core/run-events.js';
import { fakeState } from '../testing/fake-worker.js';
import { TEST_CONFIG } from '../testing/transcript.js';
import { readCheckpoint } from './checkpoint-reader.js';
import { startCoordinator } from './coordinator.js';
import { readJournal } from './journal-file.js';
import type { CoordinatorOptions } from './options.js';
import { lockOwner } from './run-lock.js';
import { readStatus } from './status-file.js';

const FAKE_WORKER = fileURLToPath(new URL('../../dist/testing/fake-worker.js', import.meta.url));
const FAKE_RUN = fileURLToPath(new URL('../../dist/testing/fake-run.js', import.meta.url));
const config: RunConfig = { ...TEST_CONFIG, steps: 20, checkpointEvery: 5 };

let folder: string;
let runDirectory: string;
let events: RunEvent[];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'gantry-coordinator-'));
  runDirectory = path.join(folder, 'run');
  events = [];
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

function start(change: Partial<CoordinatorOptions> = {}) {
  return startCoordinator({
    config,
    runDirectory,
    localWorkers: change.config?.workers ?? config.workers,
    workerCommand: [process.execPath, FAKE_WORKER],
    onEvent: (event) => events.push(event),
    ...change,
  });
}

async function failureOf(run: Promise<unknown>): Promise<GantryError> {
  return run.then(
    () => expect.fail('it did not fail'),
    (error) => error as GantryError,
  );
}

function fault(worker: string, what: string): void {
  vi.stubEnv('FAKE_WORKER', worker);
  vi.stubEnv('FAKE_FAULT', what);
}

/** Ends once something holds; the test's own time limit bounds it. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function pids(): number[] {
  return events.flatMap((event) => (event.event === 'joined' ? [event.pid] : []));
}

const finalSha = sha256Hex(fakeState(40));

describe('a run', () => {
  it('trains with local workers and leaves checkpoints, pictures, metrics, logs', async () => {
    const run = await start();
    const result = await run.done;
    const last = path.join(runDirectory, 'checkpoints/step-000020');
    expect(result).toMatchObject({ step: 20, update: 40, stateSha256: finalSha, interrupted: false, checkpoint: last });
    expect(result.resumeCommand).toBe(`npx gantry resume --out ${runDirectory}`);
    expect(result.imagesPerSecond).toBeGreaterThan(0);

    expect(events[0]?.event).toBe('start');
    expect(events.at(-1)).toMatchObject({ event: 'done', step: 20, stateSha256: finalSha });
    const progress = events.filter((event) => event.event === 'progress');
    expect(progress.at(-1)).toMatchObject({ step: 20, steps: 20, discriminatorLoss: 1, generatorLoss: 2 });
    expect(progress.at(-1)).toMatchObject({ accuracyReal: 0.5, accuracyFake: 0.25, etaSeconds: 0 });

    expect(await readdir(path.join(runDirectory, 'checkpoints'))).toEqual(['step-000015', 'step-000020']);
    const checkpoint = await readCheckpoint(runDirectory);
    expect(checkpoint.state).toEqual(fakeState(40));
    expect(JSON.parse(checkpoint.manifest.runConfigJson)).toEqual(config);
    const rows = (await readFile(path.join(runDirectory, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    expect(rows.map((row) => (JSON.parse(row) as { step: number }).step)).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
    const png = decode(await readFile(path.join(runDirectory, 'samples/000020.png')));
    expect([png.width, png.height]).toEqual([3 * 26 + 24, 23]);
    expect(await readFile(path.join(runDirectory, 'logs/worker-0.log'), 'utf8')).toMatch(/Z hello from worker-0\n/);
    expect(await readFile(path.join(runDirectory, 'config.yaml'), 'utf8')).toContain('adam:\n  learningRate: 0.001\n');
    expect((await readJournal(runDirectory)).journal).toMatchObject({
      runId: run.runId,
      generation: 1,
      committedUpdate: 40,
    });
    const status = await readStatus(runDirectory);
    expect(status).toMatchObject({ alive: false, stage: 'done', step: 20, update: 40 });
    expect(status.members.map(({ worker, shards }) => [worker, shards])).toEqual([
      ['worker-0', [0, 1]],
      ['worker-1', [2, 3]],
    ]);
    expect(await lockOwner(runDirectory)).toBeNull();
    expect(pids().filter(isRunning)).toEqual([]);
  });

  it('goes on where a power failure has taken the end of its journal', async () => {
    const before = await start({ config: { ...config, steps: 10 } });
    await before.done;
    const journal = path.join(runDirectory, 'journal.json');
    await writeFile(journal, (await readFile(journal, 'utf8')).slice(0, 40));
    events = [];
    const run = await start({ resume: true });
    expect(await run.done).toMatchObject({ step: 20, stateSha256: finalSha });
    expect(run.runId).toBe(before.runId);
    const warnings = events.flatMap((event) => (event.event === 'warning' ? [event.message] : []));
    expect(warnings).toEqual([expect.stringMatching(/cannot read .*journal\.json.*the checkpoint of step 10/)]);
    expect(await readJournal(runDirectory)).toMatchObject({ journal: { runId: run.runId }, problem: null });
  });

  it('starts a hub for a star', async () => {
    const run = await start({ config: { ...config, topology: 'star', steps: 4 } });
    expect(await run.done).toMatchObject({ step: 4 });
    expect(pids()).toHaveLength(3);
  });

  it('waits for workers by hand and does not mind strangers', async () => {
    const run = await start({ localWorkers: 1 });
    const stranger = new Dealer({ linger: 0 });
    stranger.connect(run.endpoint);
    for (const bytes of [new Uint8Array(0), new Uint8Array([255, 255]), new Uint8Array(1000)])
      await stranger.send(bytes);
    const child = spawn(process.execPath, [FAKE_WORKER, '--join', run.endpoint, '--worker', 'anna'], {
      stdio: 'ignore',
    });
    const result = await run.done;
    stranger.close();
    expect(result.stateSha256).toBe(finalSha);
    await until(() => child.exitCode !== null);
    expect(child.exitCode).toBe(0);
  });
});

describe('a fault', () => {
  it.each([
    ['kill@23', 'GANTRY_WORKER_LOST', /worker-1 .*killed by SIGKILL; last heard of at update 2\d, phase/],
    ['exit@23', 'GANTRY_WORKER_LOST', /worker-1 .*exited with code 3; its last words: I give up/],
    ['mute@23', 'GANTRY_WORKER_LOST', /worker-1 .*no heartbeat for/],
    ['failure@23', 'GANTRY_NON_FINITE', /worker-1 .*step 3, shard 1: NaN/],
    ['garbage@23', 'GANTRY_PROTOCOL_INVALID', /worker-1/],
  ])('%s ends the run, which then goes on to the same bits', async (what, code, message) => {
    fault('worker-1', what);
    vi.stubEnv('FAKE_STEP_MS', '20');
    // Two checkpoints later the first one has surely been heard of.
    vi.stubEnv('FAKE_AFTER', path.join(runDirectory, 'checkpoints/step-000010'));
    const long = { ...config, steps: 60, checkpointKeep: 99, maxRestarts: 0, minWorkers: 2 };
    const run = await start({ config: { ...long, leaseMs: 600 } });
    const error = await failureOf(run.done);
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
    expect(error.message).toContain(`npx gantry resume --out ${runDirectory}`);
    expect(error.details).toMatchObject({ worker: 'worker-1' });
    const { step } = (await readCheckpoint(runDirectory)).manifest;
    // One that was being written at the time may have come to its end since.
    expect(Number(/Last checkpoint: step (\d+) /.exec(error.message)?.[1])).toBeLessThanOrEqual(step);
    expect(events.at(-1)).toMatchObject({ event: 'error', code });
    const failed = await readStatus(runDirectory);
    expect(failed).toMatchObject({ alive: false, stage: 'failed', failure: { code }, takeOverCommand: null });
    expect(failed.failure?.details).toMatchObject({ worker: 'worker-1' });
    // Who reports that it failed is lost with the run, not by it.
    const lost = /^(failure|garbage)@/.test(what) ? [] : ['worker-1'];
    expect(failed.losses.map(({ worker }) => worker)).toEqual(lost);
    expect(pids().filter(isRunning)).toEqual([]);

    vi.unstubAllEnvs();
    events = [];
    const resumed = await start({ resume: true, config: { ...long, workers: 1, minWorkers: 1 } });
    expect(await resumed.done).toMatchObject({ step: 60, stateSha256: sha256Hex(fakeState(120)) });
    expect(events[0]).toMatchObject({ event: 'start', fromStep: step });
    expect((await readJournal(runDirectory)).journal).toMatchObject({ generation: 2 });
    // A resumed run still knows whom it lost before.
    expect(await readStatus(runDirectory)).toMatchObject({ stage: 'done', losses: failed.losses });
    const rows = (await readFile(path.join(runDirectory, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    const steps = rows.map((row) => (JSON.parse(row) as { step: number }).step);
    expect(steps.filter((one) => one > step)).toEqual(
      Array.from({ length: 60 - step }, (_, index) => step + 1 + index),
    );
    expect(new Set(steps).size).toBe(steps.length);
  });

  it.each(['kill@23', 'exit@23', 'mute@23'])('%s of a worker that is started again costs nothing', async (what) => {
    fault('worker-1', what);
    vi.stubEnv('FAKE_STEP_MS', '20');
    const run = await start({ config: { ...config, steps: 30, leaseMs: 600, maxRestarts: 1, minWorkers: 1 } });
    expect(await run.done).toMatchObject({ step: 30, stateSha256: sha256Hex(fakeState(60)) });
    const kinds = events.map(({ event }) => event);
    expect(kinds.filter((kind) => kind === 'worker-lost')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'ready').length).toBeGreaterThanOrEqual(2);
    expect(pids().filter(isRunning)).toEqual([]);
  });

  it('a state that was damaged on its way is not saved', async () => {
    fault('worker-0', 'corrupt@1');
    const error = await failureOf((await start()).done);
    expect(error.code).toBe('GANTRY_PROTOCOL_INVALID');
    expect(error.message).toMatch(/not what its SHA-256 says/);
    expect(await readdir(path.join(runDirectory, 'checkpoints'))).toEqual([]);
  });

  it('a worker that cannot be started ends the run', async () => {
    const error = await failureOf((await start({ workerCommand: [path.join(folder, 'nothing')] })).done);
    expect(error).toMatchObject({ code: 'GANTRY_WORKER_LOST' });
    expect(error.message).toMatch(/worker-\d, in phase starting, exited .*ENOENT/);
  });

  it('a coordinator that is killed takes its workers with it, and its lock is taken over', async () => {
    const child = spawn(process.execPath, [FAKE_RUN, runDirectory], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    await until(() => output.includes('"event":"checkpoint"'));
    const workers = [...output.matchAll(/"event":"joined".*"pid":(\d+)/g)].map(([, pid]) => Number(pid));
    expect(workers.filter(isRunning)).toHaveLength(2);
    child.kill('SIGKILL');
    await until(() => workers.filter(isRunning).length === 0);
    await writeFile(path.join(runDirectory, 'checkpoints/.unfinished-step-000099-x'), 'left by a crash');
    expect(await readStatus(runDirectory).catch(() => ({ alive: false }))).toMatchObject({ alive: false });

    const before = (await readCheckpoint(runDirectory)).manifest.step;
    const run = await start({ resume: true, config: { ...TEST_CONFIG, steps: before + 10 } });
    expect(await run.done).toMatchObject({ stateSha256: sha256Hex(fakeState(2 * before + 20)) });
    expect(existsSync(path.join(runDirectory, 'checkpoints/.unfinished-step-000099-x'))).toBe(false);
  });
});

describe('stopping', () => {
  it('finishes the step and saves; the run then goes on', async () => {
    vi.stubEnv('FAKE_STEP_MS', '40');
    const run = await start();
    await until(() => events.some(({ event }) => event === 'progress'));
    run.stop();
    const result = await run.done;
    expect(result.interrupted).toBe(true);
    expect(result.stateSha256).toBe(sha256Hex(fakeState(result.update)));
    vi.unstubAllEnvs();
    const resumed = await start({ resume: true });
    expect(await resumed.done).toMatchObject({ step: 20, interrupted: false, stateSha256: finalSha });
    // Nothing is left to do.
    const again = await start({ resume: true });
    expect(await again.done).toMatchObject({ step: 20, stateSha256: finalSha });
  });

  it('at once when told so', async () => {
    vi.stubEnv('FAKE_STEP_MS', '40');
    const run = await start();
    await until(() => events.some(({ event }) => event === 'progress'));
    run.abort('stopped at once');
    expect(await failureOf(run.done)).toMatchObject({ code: 'GANTRY_INTERRUPTED' });
    expect(pids().filter(isRunning)).toEqual([]);
  });
});

describe('before anything is started', () => {
  it('a folder in use is refused', async () => {
    vi.stubEnv('FAKE_STEP_MS', '40');
    const run = await start();
    expect(await failureOf(start())).toMatchObject({ code: 'GANTRY_RUN_LOCKED' });
    run.abort('enough');
    await failureOf(run.done);
  });

  it('a folder with a run is refused, another configuration too, and a resume of nothing', async () => {
    expect(await failureOf(start({ resume: true }))).toMatchObject({ code: 'GANTRY_RUN_NOT_FOUND' });
    const { done } = await start();
    await done;
    expect(await failureOf(start())).toMatchObject({ code: 'GANTRY_RUN_EXISTS' });
    const other = { ...config, seed: 2, adam: { ...config.adam, beta1: 0.9 }, steps: 30 };
    const changed = await failureOf(start({ resume: true, config: other }));
    expect(changed.code).toBe('GANTRY_CONFIG_CHANGED');
    expect(changed.details.keys).toBe('seed, adam.beta1');
    expect(changed.message).toContain('adam.beta1 was 0.5, is 0.9');
    // A refusal leaves no lock behind.
    expect(await lockOwner(runDirectory)).toBeNull();
  });

  it('another device is refused too, unless other numbers are allowed', async () => {
    await (await start({ config: { ...config, steps: 4 } })).done;
    const other = { ...config, steps: 8, device: 'webgpu' };
    const refused = await failureOf(start({ resume: true, config: other }));
    expect(refused.code).toBe('GANTRY_CONFIG_CHANGED');
    expect(refused.message).toContain('--resume-with-changes');
    const resumed = await start({ resume: true, allowNumbers: true, config: other });
    expect(await resumed.done).toMatchObject({ step: 8 });
    const seed = await failureOf(start({ resume: true, allowNumbers: true, config: { ...other, seed: 2 } }));
    expect(seed.code).toBe('GANTRY_CONFIG_CHANGED');
  });

  it('a resume with another program is refused before it trains, unless other numbers are allowed', async () => {
    await (await start({ config: { ...config, steps: 4 } })).done;
    vi.stubEnv('FAKE_PROGRAM', 'f'.repeat(64));
    const longer = { ...config, steps: 8 };
    const error = await failureOf((await start({ resume: true, config: longer })).done);
    expect(error.code).toBe('GANTRY_PROGRAM_MISMATCH');
    expect(error.message).toContain('--resume-with-changes');
    const resumed = await start({ resume: true, allowNumbers: true, config: longer });
    expect(await resumed.done).toMatchObject({ step: 8 });
    expect((await readCheckpoint(runDirectory)).manifest.programHash).toBe('f'.repeat(64));
    // From here on this is the program.
    expect(await (await start({ resume: true, config: { ...config, steps: 9 } })).done).toMatchObject({ step: 9 });
  });

  it.each(['tcp://0.0.0.0:0', 'tcp://192.0.2.1:7400', 'tcp://*:7400', 'tcp://example.org:1', 'tcp://[::]:9'])(
    'binding to %s is refused',
    async (bind) => {
      expect(await failureOf(start({ bind }))).toMatchObject({ code: 'GANTRY_BIND_REFUSED' });
      expect(existsSync(runDirectory)).toBe(false);
    },
  );

  it('an address in use is named', async () => {
    vi.stubEnv('FAKE_STEP_MS', '40');
    const run = await start();
    const error = await failureOf(start({ runDirectory: path.join(folder, 'other'), bind: run.endpoint }));
    expect(error.code).toBe('GANTRY_TRANSPORT_FAILED');
    expect(error.message).toContain(run.endpoint);
    expect(existsSync(path.join(folder, 'other'))).toBe(false);
    run.abort('enough');
    await failureOf(run.done);
  });
});
