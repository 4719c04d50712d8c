import type { RunStatusReport } from '@gantry/coordinator';
import { expect, it } from 'vitest';
import { type Member, suspectsOf } from './verdict.js';

const report = { stage: 'training', alive: true, leaseMs: 1500, absent: [] } as unknown as RunStatusReport;

function member(worker: string, change: Partial<Member> = {}): Member {
  const usual = { phase: 'gathering', workingUpdate: 81, phaseMs: 1_400, silentMs: 100, pid: 9, process: 'running' };
  return { worker, ...usual, ...change } as Member;
}

it('names the silent one, not those who wait for it or only take long', () => {
  const members = [member('worker-0'), member('worker-1', { phase: 'computing', silentMs: 1_300 }), member('worker-2')];
  const because = 'not heard of for 1.3 s; last in phase computing of update 81, for 1.4 s';
  expect(suspectsOf(report, members)).toEqual([{ worker: 'worker-1', because }]);
  // After the death of the coordinator the same is read from its last word.
  expect(suspectsOf({ ...report, alive: false }, members)).toEqual([{ worker: 'worker-1', because }]);
});

it('sees a stopped process before it is silent for long', () => {
  const [suspect] = suspectsOf(report, [member('worker-0', { process: 'suspended' }), member('worker-1')]);
  expect(suspect).toMatchObject({ worker: 'worker-0', because: expect.stringContaining('kill -CONT 9 lets it go on') });
});

it('names who is long in a phase in which it waits for nobody', () => {
  const members = [member('worker-0'), member('worker-1', { phase: 'computing' })];
  expect(suspectsOf(report, members)).toEqual([
    { worker: 'worker-1', because: 'has been in phase computing of update 81, for 1.4 s' },
  ]);
  expect(suspectsOf(report, [member('worker-0'), member('worker-1', { phase: 'computing', phaseMs: 40 })])).toEqual([]);
});

it('allows a worker that starts to be silent for longer', () => {
  const members = [member('worker-0', { phase: 'ready', silentMs: 1_300 })];
  expect(suspectsOf({ ...report, stage: 'preparing' }, members)).toEqual([]);
});

it('names workers that are missing', () => {
  const absent = [
    { worker: 'worker-1', attempt: 2, over: false },
    { worker: 'worker-2', attempt: 0, over: false },
    { worker: 'worker-3', attempt: 1, over: true },
  ];
  expect(suspectsOf({ ...report, absent }, []).map(({ worker, because }) => `${worker} ${because}`)).toEqual([
    'worker-1 is being started again (time 2)',
    'worker-2 had not reported',
    'worker-3 is not started again, or has left',
  ]);
});

it('nobody is waited for by a run that has ended', () => {
  expect(suspectsOf({ ...report, stage: 'failed' }, [member('worker-0', { silentMs: 9_000 })])).toEqual([]);
});
