import { afterAll, expect, it } from 'vitest';
import {
  type Event,
  eventually,
  GantryProcess,
  gantry,
  isAlive,
  trainArguments,
  Workspace,
} from '../support/gantry.js';

const work = new Workspace();
afterAll(() => work.remove());

type Told = Event & {
  readonly alive: boolean;
  readonly stands: string;
  readonly members: readonly { worker: string; pid: number; phase: string; workingUpdate: number; process: string }[];
  readonly losses: readonly {
    worker: string;
    pid: number;
    phase: string;
    update: number;
    reason: string;
    at: string;
  }[];
  readonly waitsFor: readonly { worker: string; because: string }[];
  readonly next: readonly { command: string }[];
  readonly flightRecorders: readonly { worker: string; records: readonly { event: string; update: number }[] }[];
};

async function why(out: string): Promise<Told> {
  return JSON.parse((await gantry(['why', out, '--json'])).stdout) as Told;
}

/** Of the workers that `joined` tells of, the newest process. */
function pidOf({ events }: GantryProcess, worker: string): number {
  return events.findLast((one) => one.event === 'joined' && one.worker === worker)!.pid as number;
}

it('tells of a run that goes on, and of one that was killed, whom it lost and whom it waits for', async () => {
  const out = work.run();
  // With this lease the stopped worker is waited for, not lost, however busy the machine is.
  const run = new GantryProcess(trainArguments(out, { steps: 100_000, 'checkpoint-every': 5, lease: '30s' }));
  await run.until(({ event }) => event === 'checkpoint');
  const killed = pidOf(run, 'worker-1');
  process.kill(killed, 'SIGKILL');
  const lost = await run.until(({ event }) => event === 'worker-lost');
  await run.until(({ event, generation }) => event === 'ready' && (generation as number) > 1);
  const loss = { worker: 'worker-1', pid: killed, phase: lost.phase, update: lost.update, reason: 'killed by SIGKILL' };
  const going = await why(out);
  expect(going).toMatchObject({ event: 'why', alive: true, failure: null, next: [], losses: [loss], lossCount: 1 });
  expect(Math.abs(Date.now() - Date.parse(going.losses[0]!.at))).toBeLessThan(60_000);
  // Who was left wrote down what it had been doing when the generation ended.
  const recorder = going.flightRecorders.find(({ worker }) => worker === 'worker-0')!;
  expect(recorder.records.some(({ update }) => update >= (lost.update as number))).toBe(true);

  const stopped = pidOf(run, 'worker-0');
  process.kill(stopped, 'SIGSTOP');
  let waiting = await why(out);
  while (!waiting.waitsFor.some(({ because }) => because.includes('is stopped'))) waiting = await why(out);
  const suspect = waiting.members.find(({ worker }) => worker === 'worker-0')!;
  expect(suspect).toMatchObject({ pid: stopped, process: 'suspended' });
  expect(waiting.waitsFor.map(({ worker }) => worker)).toContain('worker-0');

  run.child.kill('SIGKILL');
  await run.finished;
  await eventually(() => !isAlive(stopped), 'the workers have ended with their coordinator');
  const after = await why(out);
  expect(after).toMatchObject({ alive: false, stands: 'broken off', losses: [loss] });
  const { phase, workingUpdate } = after.members.find(({ worker }) => worker === 'worker-0')!;
  expect(workingUpdate).toBeGreaterThan(0);
  expect(after.members.map((member) => member.process)).toEqual(after.members.map(() => 'gone'));
  expect(after.next[0]?.command).toContain(`gantry resume --out ${out}`);
  const [{ stdout: text }, status] = await Promise.all([gantry(['why', '--out', out]), gantry(['status', out])]);
  expect(text).toContain('worker-1 (host');
  expect(text).toContain(`in phase ${lost.phase} of update ${lost.update}`);
  expect(text).toMatch(new RegExp(`worker-0 .* ${phase} +${workingUpdate} .* gone`));
  expect(status.stdout).toMatch(/^broken off .*\ncoordinator {2}gone since .*[\s\S]*gantry resume/);
});

it('tells what ended a run, and what the worker that was left had been doing', async () => {
  const out = work.run();
  const fragile = { 'max-restarts': 0, 'min-workers': 2, 'checkpoint-every': 5, steps: 100_000 };
  const run = new GantryProcess(trainArguments(out, fragile), { GANTRY_FAULT: 'hang@20:worker-1' });
  expect((await run.finished).code).toBe(1);
  const told = await why(out);
  expect(told).toMatchObject({
    alive: false,
    stands: 'failed',
    failure: { code: 'GANTRY_WORKER_STALLED' },
    waitsFor: [],
  });
  expect(told.losses).toMatchObject([{ worker: 'worker-1', update: 20, phase: 'computing' }]);
  expect(told.next[0]?.command).toContain(`gantry resume --out ${out}`);
  expect(told.log).toBe(`${out}/logs/worker-1.log`);
  // The one that hung could not write any more: its control thread did.
  expect(told.flightRecorders.map(({ worker }) => worker)).toEqual(['worker-0', 'worker-1']);
  expect(told.flightRecorders[1]!.records.at(-1)).toMatchObject({ event: 'computing', update: 20 });
});
