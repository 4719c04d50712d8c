import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SAME_REQUEST_MS } from '@gantry/common';
import { afterAll, describe, expect, it } from 'vitest';
import {
  doneOf,
  errorOf,
  eventually,
  GantryProcess,
  gantry,
  isAlive,
  sharedMemoryFiles,
  trainArguments,
  Workspace,
  workersOf,
} from '../support/gantry.js';

const work = new Workspace();
afterAll(() => work.remove());

/** A run that needs all of its workers, and starts none again: the first loss ends it. */
const FRAGILE = { 'max-restarts': 0, 'min-workers': 2 };

/** A run that would go on for long, past its first checkpoint. */
async function longRun(options: Record<string, string | number> = {}, env: Record<string, string> = {}) {
  const out = work.run();
  const run = new GantryProcess(trainArguments(out, { steps: 100_000, 'checkpoint-every': 20, ...options }), env);
  await run.until(({ event }) => event === 'checkpoint');
  return { run, out, workers: workersOf(run.pid) };
}

async function expectNothingLeft(pids: readonly number[], memoryBefore: readonly string[]) {
  await eventually(() => !pids.some(isAlive), 'all processes of the run are gone');
  await eventually(
    () => sharedMemoryFiles().every((name) => memoryBefore.includes(name)),
    'no file of the run is left in /dev/shm',
  );
}

describe('a worker is lost that the run cannot do without', () => {
  it.each([
    { signal: 'SIGKILL', transport: 'shm', code: 'GANTRY_WORKER_LOST' },
    { signal: 'SIGSTOP', transport: 'shm', code: 'GANTRY_WORKER_LOST' },
    { signal: 'SIGKILL', transport: 'tcp', code: 'GANTRY_WORKER_LOST' },
    { signal: 'SIGKILL', transport: 'ipc', code: 'GANTRY_WORKER_LOST' },
  ] as const)(
    '$signal with $transport ends the run, names it, and says how to go on',
    async ({ signal, transport, code }) => {
      const before = sharedMemoryFiles();
      const temporary = mkdtempSync(join(work.path, 'tmp-'));
      const { run, out, workers } = await longRun({ transport, ...FRAGILE }, { TMPDIR: temporary });
      expect(workers).toHaveLength(2);
      process.kill(workers[1]!, signal);
      const finished = await run.finished;
      expect(finished.code).toBe(1);
      const error = errorOf(finished);
      expect(error.code).toBe(code);
      expect(error.message).toMatch(/worker-\d/);
      expect(error.message).toMatch(/update \d+/);
      expect(error.message).toContain(`gantry resume --out ${out}`);
      await expectNothingLeft([...workers, run.pid], before);
      const resumed = new GantryProcess(['resume', '--json', '--out', out], { TMPDIR: temporary });
      await resumed.until(({ event }) => event === 'progress');
      resumed.child.kill('SIGINT');
      expect((await resumed.finished).events.some(({ event }) => event === 'checkpoint')).toBe(true);
      expect(readdirSync(temporary).filter((name) => name.startsWith('gantry'))).toEqual([]);
    },
  );

  it('a worker that is stopped before it reports is named after a lease, not after the time that a start may take', async () => {
    const before = sharedMemoryFiles();
    const run = new GantryProcess(trainArguments(work.run(), { steps: 100_000 }));
    await eventually(() => workersOf(run.pid).length === 2, 'both workers are started');
    const workers = workersOf(run.pid);
    process.kill(workers[1]!, 'SIGSTOP');
    const error = errorOf(await run.finished);
    expect(error).toMatchObject({ code: 'GANTRY_WORKER_LOST', message: expect.stringMatching(/worker-1.*stopped/) });
    await expectNothingLeft([...workers, run.pid], before);
  });

  it.each(['shm', 'tcp'] as const)(
    'a worker that hangs is told from one that waits for it, with %s',
    async (transport) => {
      const before = sharedMemoryFiles();
      const out = work.run();
      const run = new GantryProcess(
        trainArguments(out, { steps: 100_000, 'checkpoint-every': 20, transport, ...FRAGILE }),
        {
          GANTRY_FAULT: 'hang@120:worker-1',
        },
      );
      const finished = await run.finished;
      expect(finished.code).toBe(1);
      expect(errorOf(finished).code).toBe('GANTRY_WORKER_STALLED');
      expect(errorOf(finished).message).toContain('worker-1');
      expect(errorOf(finished).message).toMatch(/update 120/);
      await expectNothingLeft([run.pid], before);
    },
  );

  it('gradients that are not finite stop the run and name step, shard and tensor', async () => {
    const finished = await gantry(trainArguments(work.run(), { steps: 200 }), { GANTRY_FAULT: 'nan@60:worker-0' });
    expect(finished.code).toBe(1);
    expect(errorOf(finished).code).toBe('GANTRY_NON_FINITE');
    expect(errorOf(finished).message).toMatch(/step \d+/);
    expect(errorOf(finished).message).toMatch(/shard \d/);
    expect(errorOf(finished).message).toMatch(/dense_\d\/(kernel|bias)/);
  });
});

describe('the coordinator is lost', () => {
  it('its workers end by themselves and leave nothing behind', async () => {
    const before = sharedMemoryFiles();
    const { run, workers } = await longRun({ workers: 3 });
    run.child.kill('SIGKILL');
    await run.finished;
    await expectNothingLeft(workers, before);
  });

  it('a run in training has no name in shared memory that a kill -9 of everything could leave', async () => {
    const before = sharedMemoryFiles();
    const { run, workers } = await longRun();
    expect(sharedMemoryFiles()).toEqual(before);
    for (const pid of [run.pid, ...workers]) process.kill(pid, 'SIGKILL');
    await expectNothingLeft([run.pid, ...workers], before);
  });

  it('what a kill -9 during the start left in shared memory is cleaned at the next start', async () => {
    const left = '/dev/shm/gantry-shm-left-by-a-kill';
    writeFileSync(left, 'nobody holds this');
    doneOf(await gantry(trainArguments(work.run(), { steps: 5 })));
    expect(existsSync(left)).toBe(false);
  });
});

describe('a run is stopped', () => {
  it('Ctrl-C once finishes the update, saves, and says how to go on; the bits are those of an undisturbed run', async () => {
    const undisturbed = doneOf(await gantry(trainArguments(work.run(), { steps: 400 })));
    const out = work.run();
    const run = new GantryProcess(trainArguments(out, { steps: 400 }));
    await run.untilStep(40);
    run.child.kill('SIGINT');
    const finished = await run.finished;
    const checkpoint = finished.events.find(({ event }) => event === 'checkpoint');
    expect(checkpoint?.step).toBeGreaterThanOrEqual(40);
    expect(existsSync(join(checkpoint!.path as string, 'state.safetensors'))).toBe(true);
    expect(doneOf(await gantry(['resume', '--json', '--out', out])).stateSha256).toBe(undisturbed.stateSha256);
  });

  it('SIGTERM to every process at once, as systemd and Slurm send it, saves as Ctrl-C does', async () => {
    const before = sharedMemoryFiles();
    const { run, out, workers } = await longRun();
    for (const pid of [...workers, run.pid]) process.kill(pid, 'SIGTERM');
    const finished = await run.finished;
    expect(finished.code).toBe(0);
    const done = doneOf(finished);
    expect(done.interrupted).toBe(true);
    expect(existsSync(join(done.checkpoint as string, 'state.safetensors'))).toBe(true);
    expect(JSON.parse((await gantry(['status', '--json', '--out', out])).stdout)).toMatchObject({ stage: 'stopped' });
    await expectNothingLeft([...workers, run.pid], before);
  });

  it('a mistake in the model is told in full and leaves no run directory behind', async () => {
    const model = join(work.path, 'broken.mjs');
    writeFileSync(model, 'export default {');
    const out = work.run();
    const refused = await gantry(['train', '--json', '--model', model, '--out', out]);
    expect(errorOf(refused)).toMatchObject({ code: 'GANTRY_MODEL_INVALID' });
    expect(errorOf(refused).message).not.toMatch(/worker-|checkpoint/);
    expect(existsSync(out)).toBe(false);
  });

  it('SIGTERM repeated within moments, as schedulers do, is one clean stop', async () => {
    const before = sharedMemoryFiles();
    const { run, workers } = await longRun();
    for (let time = 0; time < 3; time++) {
      run.child.kill('SIGTERM');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(doneOf(await run.finished).interrupted).toBe(true);
    await expectNothingLeft(workers, before);
  });

  it('Ctrl-C twice stops at once and leaves nothing running', async () => {
    const before = sharedMemoryFiles();
    const { run, workers } = await longRun();
    // A stopped worker cannot finish its update, so the first Ctrl-C alone would wait for it.
    process.kill(workers[0]!, 'SIGSTOP');
    run.child.kill('SIGINT');
    // Sooner, it would count as the same Ctrl-C.
    await new Promise((resolve) => setTimeout(resolve, SAME_REQUEST_MS));
    run.child.kill('SIGINT');
    const finished = await run.finished;
    expect(finished.code).toBe(1);
    expect(errorOf(finished).code).toBe('GANTRY_INTERRUPTED');
    await expectNothingLeft(workers, before);
  });
});

describe('scaled by hand', () => {
  it('a coordinator and workers that join it train to the same bits', async () => {
    const alone = doneOf(await gantry(trainArguments(work.run(), { steps: 60 })));
    const [, ...rest] = trainArguments(work.run(), { steps: 60 });
    const coordinator = new GantryProcess(['coordinator', ...rest]);
    const start = await coordinator.until(({ event }) => event === 'start');
    const workers = [0, 1].map(() => new GantryProcess(['worker', '--join', start.endpoint as string]));
    expect(doneOf(await coordinator.finished).stateSha256).toBe(alone.stateSha256);
    for (const worker of workers) expect((await worker.finished).code).toBe(0);
  });
});
