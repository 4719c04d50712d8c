import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { doneOf, type Event, type Finished, gantry, trainArguments, Workspace } from '../support/gantry.js';

// A bit that changes in one replica's memory is found, and the run ends in the bits of the undisturbed one.
const STEPS = 80;
const work = new Workspace();
let undisturbed: unknown;

function train(options: Readonly<Record<string, string | number>>, fault = ''): Promise<Finished> {
  const all = { steps: STEPS, 'verify-every': 20, 'checkpoint-every': 25, ...options };
  return gantry(trainArguments(work.run(), all), { GANTRY_FAULT: fault });
}

function divergences({ events }: Finished): readonly Event[] {
  return events.filter(({ event }) => event === 'replica-diverged');
}

beforeAll(async () => {
  const finished = await train({ workers: 1 });
  undisturbed = doneOf(finished).stateSha256;
});
afterAll(() => work.remove());

describe('a bit of a replica changes', () => {
  it('of three: the worker is named, all go back to the last verified checkpoint', async () => {
    const finished = await train({ workers: 3, transport: 'tcp' }, 'flip@70:worker-1');
    expect(doneOf(finished).stateSha256).toBe(undisturbed);
    expect(divergences(finished)).toEqual([
      expect.objectContaining({
        ...{ worker: 'worker-1', host: expect.any(String), update: 80, verifiedUpdate: 60 },
        ...{ outvoted: true, backTo: 50, removed: false },
      }),
    ]);
    const again = finished.events.find(({ event, generation }) => event === 'ready' && generation === 2);
    expect(again).toMatchObject({ update: 50 });
    expect(finished.events.filter(({ event }) => event === 'worker-lost')).toEqual([]);
  });

  it('of two, before there is a checkpoint: both are named, and begin again', async () => {
    const finished = await train({ workers: 2, transport: 'tcp' }, 'flip@31:worker-0');
    expect(doneOf(finished).stateSha256).toBe(undisturbed);
    const told = { update: 40, verifiedUpdate: 20, outvoted: false, backTo: 0 };
    expect(divergences(finished)).toEqual(
      ['worker-0', 'worker-1'].map((worker) => expect.objectContaining({ ...told, worker })),
    );
  });

  it('of the only one, in shared memory: there is nothing to compare it with, and other bits come out', async () => {
    const finished = await train({ workers: 2, transport: 'shm' }, 'flip@31:worker-0');
    expect(doneOf(finished).stateSha256).not.toBe(undisturbed);
    expect(divergences(finished)).toEqual([]);
  });
});
