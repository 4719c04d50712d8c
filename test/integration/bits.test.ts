import { afterAll, describe, expect, it } from 'vitest';
import { doneOf, GantryProcess, gantry, trainArguments, Workspace } from '../support/gantry.js';

const STEPS = 300;
const work = new Workspace();
afterAll(() => work.remove());

async function finalHash(options: Record<string, string | number>): Promise<string> {
  const done = doneOf(await gantry(trainArguments(work.run(), { steps: STEPS, ...options })));
  expect(done.step).toBe(STEPS);
  return done.stateSha256 as string;
}

const reference = new Map<string, Promise<string>>();
/** One worker, which no collective can have touched. */
function referenceHash(updates: string): Promise<string> {
  const known = reference.get(updates) ?? finalHash({ workers: 1, transport: 'shm', topology: 'direct', updates });
  reference.set(updates, known);
  return known;
}

const UPDATES = ['alternating', 'simultaneous'] as const;

describe.each(UPDATES)('%s: the bits of a run do not depend on who computed it', (updates) => {
  const cases = ['shm', 'ipc', 'tcp'].flatMap((transport) =>
    ['direct', 'star'].flatMap((topology) => [1, 2, 3, 4].map((workers) => ({ transport, topology, workers }))),
  );
  it.each(cases)('$workers workers, $transport, $topology', async ({ transport, topology, workers }) => {
    expect(await finalHash({ workers, transport, topology, updates })).toBe(await referenceHash(updates));
  });
});

describe('the bits of a run survive kill -9 and resume', () => {
  it('is different for another seed, so that equal hashes mean something', async () => {
    expect(await finalHash({ seed: 8 })).not.toBe(await referenceHash('alternating'));
  });

  it.each([
    { killAt: 25, workers: 2, resumeWith: 2, updates: 'alternating' },
    { killAt: 90, workers: 3, resumeWith: 1, updates: 'alternating' },
    { killAt: 170, workers: 1, resumeWith: 4, updates: 'simultaneous' },
    { killAt: 255, workers: 4, resumeWith: 3, updates: 'alternating' },
  ])('everything killed after step $killAt of $workers workers, resumed with $resumeWith', async (point) => {
    const out = work.run();
    const run = new GantryProcess(
      trainArguments(out, { workers: point.workers, updates: point.updates, 'checkpoint-every': 20, steps: STEPS }),
    );
    await run.untilStep(point.killAt);
    // The coordinator goes without a word; its workers notice by themselves.
    run.child.kill('SIGKILL');
    expect((await run.finished).code).not.toBe(0);
    const resumed = doneOf(await gantry(['resume', '--json', '--out', out, '--workers', String(point.resumeWith)]));
    expect(resumed.stateSha256).toBe(await referenceHash(point.updates));
  });
});
