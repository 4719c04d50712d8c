import { afterAll, expect, it } from 'vitest';
import { doneOf, GantryProcess, gantry, trainArguments, Workspace } from '../support/gantry.js';

/** `npm run test:soak -- restarts`: how often the coordinator is killed. */
const KILLS = Number(process.env.GANTRY_COORDINATOR_KILLS ?? 2);
const SEED = Number(process.env.GANTRY_COORDINATOR_SEED ?? 1);
const HANG_MS = 120_000 + 20_000 * KILLS;
/** From one kill to the next, at most. */
const APART_STEPS = 40;

const work = new Workspace();
afterAll(() => work.remove());

/** Steps between kills, and milliseconds after the step was told: any place of an update, the same for a seed. */
function drawKills(): { steps: number; delayMs: number }[] {
  let state = SEED;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return Array.from({ length: KILLS }, () => ({ steps: 1 + Math.floor(next() * APART_STEPS), delayMs: next() * 250 }));
}

it(
  `the coordinator is killed at ${KILLS} updates from seed ${SEED}, and restarted: the workers go on, in the same bits`,
  async () => {
    const out = work.run();
    const [, ...options] = trainArguments(out, { steps: 1_000_000, transport: 'tcp', 'checkpoint-every': 100 });
    const start = (args: readonly string[]) => new GantryProcess(args, {}, { hangMs: HANG_MS });
    let coordinator = start(['coordinator', ...options]);
    const { endpoint } = await coordinator.until(({ event }) => event === 'start');
    const workers = [0, 1].map(() => start(['worker', '--join', endpoint as string]));
    let from = 0;
    for (const { steps, delayMs } of drawKills()) {
      await coordinator.untilStep(from + steps);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      const told = coordinator.events.findLast(({ event }) => event === 'progress')!.step as number;
      coordinator.child.kill('SIGKILL');
      await coordinator.finished;
      coordinator = start(['coordinator', '--resume', '--json', '--out', out]);
      const ready = await coordinator.until(({ event }) => event === 'ready');
      // Nothing that was told of is done again.
      expect(ready.update).toBeGreaterThanOrEqual(2 * told);
      from = Math.floor((ready.update as number) / 2);
    }
    await coordinator.untilStep(from + 5);
    coordinator.child.kill('SIGINT');
    const done = doneOf(await coordinator.finished);
    for (const worker of workers) expect((await worker.finished).code).toBe(0);
    const undisturbed = doneOf(await gantry(trainArguments(work.run(), { steps: done.step as number })));
    expect(done.stateSha256).toBe(undisturbed.stateSha256);
  },
  HANG_MS,
);
