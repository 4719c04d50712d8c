import { describe, expect, it } from 'vitest';
import {
  commitsBefore,
  isCompared,
  planUpdate,
  type ScheduleConfig,
  totalUpdates,
  updatesPerStep,
} from './schedule.js';

const alternating = (discriminatorUpdates: number, r1Gamma = 0, r1Interval = 4): ScheduleConfig => ({
  updates: 'alternating',
  discriminatorUpdates,
  r1Gamma,
  r1Interval,
});
const simultaneous: ScheduleConfig = { updates: 'simultaneous', discriminatorUpdates: 1, r1Gamma: 1, r1Interval: 3 };

/** One line an update: kind, step, D and G updates before, then `R1` and `end` where they hold. */
function table(config: ScheduleConfig, updates: number): string[] {
  return Array.from({ length: updates }, (_, update) => {
    const plan = planUpdate(update, config);
    const flags = `${plan.penalized ? ' R1' : ''}${plan.completesStep ? ' end' : ''}`;
    return `${plan.kind} ${plan.step} ${plan.discriminatorUpdate} ${plan.generatorUpdate}${flags}`;
  });
}

describe('isCompared', () => {
  const compared = (verifyEvery: number, checkpointEvery: number) =>
    Array.from({ length: 12 }, (_, index) => index + 1).filter((update) =>
      isCompared(update, { ...alternating(1), verifyEvery, checkpointEvery }),
    );

  it('is every so many updates, and where a checkpoint is due', () => {
    expect(compared(5, 0)).toEqual([5, 10]);
    expect(compared(5, 3)).toEqual([5, 6, 10, 12]);
    expect(compared(0, 3)).toEqual([]);
  });
});

describe('planUpdate', () => {
  it('alternates one D and one G update, R1 at every 2nd D update', () => {
    expect(table(alternating(1, 1, 2), 6)).toEqual([
      'discriminator 0 0 0 R1',
      'generator 0 1 0 end',
      'discriminator 1 1 1',
      'generator 1 2 1 end',
      'discriminator 2 2 2 R1',
      'generator 2 3 2 end',
    ]);
  });

  it('does several D updates a step, counting R1 over D updates', () => {
    expect(table(alternating(3, 1, 4), 8)).toEqual([
      'discriminator 0 0 0 R1',
      'discriminator 0 1 0',
      'discriminator 0 2 0',
      'generator 0 3 0 end',
      'discriminator 1 3 1',
      'discriminator 1 4 1 R1',
      'discriminator 1 5 1',
      'generator 1 6 1 end',
    ]);
  });

  it('does both at once when simultaneous', () => {
    expect(table(simultaneous, 4)).toEqual([
      'both 0 0 0 R1 end',
      'both 1 1 1 end',
      'both 2 2 2 end',
      'both 3 3 3 R1 end',
    ]);
    expect(planUpdate(0, simultaneous).networks).toEqual(['discriminator', 'generator']);
  });

  it('never penalizes without a weight', () => {
    expect(table(alternating(1, 0, 1), 4).join()).not.toContain('R1');
  });

  it('agrees with a count of the updates before it', () => {
    for (const config of [alternating(1), alternating(2), alternating(5), simultaneous]) {
      const done = { discriminator: 0, generator: 0 };
      for (let update = 0; update < 40; update++) {
        expect(commitsBefore(update, config)).toEqual(done);
        for (const network of planUpdate(update, config).networks) done[network]++;
      }
    }
  });
});

it('counts updates', () => {
  expect([alternating(1), alternating(4), simultaneous].map(updatesPerStep)).toEqual([2, 5, 1]);
  expect(totalUpdates({ ...alternating(4), steps: 300 })).toBe(1500);
});

it('refuses what is no update number', () => {
  for (const update of [-1, 0.5, Number.NaN]) expect(() => planUpdate(update, simultaneous)).toThrow('non-negative');
});
