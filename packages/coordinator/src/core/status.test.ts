import { expect, it } from 'vitest';
import { TEST_CONFIG } from '../testing/transcript.js';
import { LOSSES_KEPT } from './constants.js';
import { recordLoss, recordUnborn } from './losses.js';
import { type Draft, initialState, type MemberState } from './state.js';
import { statusOf } from './status.js';

const settings = {
  runId: 'run',
  config: TEST_CONFIG,
  localWorkers: ['worker-0', 'worker-1'],
  hub: null,
  launchToken: '',
  hasKeys: false,
  resumeCommand: 'npx gantry resume --out r',
  resume: false,
  allowNumbers: false,
  generation: 3,
  distrusted: 0,
  formerMembers: [],
  startedMs: 0,
};
const member = {
  worker: 'worker-0',
  host: 'box',
  pid: 12,
  device: 'cpu',
  status: 'training',
  local: true,
  shards: [0, 1],
  phase: 'computing',
  workingUpdate: 81,
  update: 80,
  phaseSinceMs: 4_000,
  lastSeenMs: 4_400,
} as unknown as MemberState;

function draft(): Draft {
  return { state: { ...initialState(settings), members: [member], lastTickMs: 5_000 }, effects: [] };
}

it('tells what every member is doing, and since when', () => {
  const { members, absent } = statusOf(draft().state, 5_200.4);
  expect(members).toMatchObject([
    {
      worker: 'worker-0',
      local: true,
      phase: 'computing',
      update: 80,
      workingUpdate: 81,
      phaseMs: 1200,
      silentMs: 800,
    },
  ]);
  expect(absent).toEqual([{ worker: 'worker-1', attempt: 0, over: false }]);
});

it('keeps whom the run lost, where it was, and why', () => {
  const lost = draft();
  recordLoss(lost, member, 'no heartbeat');
  recordUnborn(lost, 'worker-1', 'killed by SIGKILL');
  const { losses, lossCount } = statusOf(lost.state, 6_000);
  expect(losses).toEqual([
    {
      ...{ worker: 'worker-0', host: 'box', pid: 12, device: 'cpu', generation: 3, update: 81, phase: 'computing' },
      ...{ phaseMs: 1000, silentMs: 600, reason: 'no heartbeat', agoMs: 1000 },
    },
    expect.objectContaining({ worker: 'worker-1', phase: 'starting', pid: 0, reason: 'killed by SIGKILL' }),
  ]);
  expect(lossCount).toBe(2);
});

it('keeps the last losses of very many', () => {
  const lost = draft();
  for (let i = 0; i < LOSSES_KEPT + 5; i++) recordLoss(lost, member, String(i));
  const { losses, lossCount } = statusOf(lost.state, 6_000);
  expect([losses.length, losses[0]?.reason, lossCount]).toEqual([LOSSES_KEPT, '5', LOSSES_KEPT + 5]);
});
