import { describe, expect, it } from 'vitest';
import { TEST_CONFIG } from '../testing/transcript.js';
import { LONGEST_HALF_LIFE_STEPS } from './constants.js';
import { allowanceMs, fadePhases, findStalled, learnPhase } from './liveness.js';
import { type CoordinatorState, type Draft, initialState, type MemberState, type UnverifiedSave } from './state.js';

const settings = {
  runId: 'run',
  config: TEST_CONFIG,
  localWorkers: [],
  hub: null,
  launchToken: '',
  hasKeys: false,
  resumeCommand: '',
  resume: false,
  allowNumbers: false,
  generation: 0,
  distrusted: 0,
  formerMembers: [],
  startedMs: 0,
};

/** Two members in the middle of training. */
function training(): { draft: Draft; member: MemberState } {
  const member = { worker: 'worker-0', phase: 'computing', status: 'training', workingUpdate: 100 } as MemberState;
  const state = { ...initialState(settings), stage: 'training' as const, members: [member, member] };
  return { draft: { state, effects: [] }, member };
}

/** Ordinary steps, reported by both members in batches of 16. */
function goOn(draft: Draft, steps: number): void {
  for (let i = 0; i < steps / 8; i++) {
    fadePhases(draft, 16);
    learnPhase(draft, 'computing', 20);
  }
}

describe('how long a phase may last', () => {
  it('is the lease, or three times what it took lately', () => {
    const { draft, member } = training();
    expect(allowanceMs(draft.state, member)).toBe(1500);
    learnPhase(draft, 'computing', 400);
    expect(allowanceMs(draft.state, member)).toBe(1500);
    learnPhase(draft, 'computing', 2000);
    expect(allowanceMs(draft.state, member)).toBe(6000);
  });

  it('is no shorter than the lease that counts while a generation is prepared, and than it takes to find who is not reached', () => {
    const { draft, member } = training();
    const preparing = (leaseMs: number) =>
      allowanceMs(
        { ...draft.state, stage: 'preparing', settings: { ...settings, config: { ...TEST_CONFIG, leaseMs } } },
        member,
      );
    expect(preparing(1_500)).toBe(120_000);
    expect(preparing(60_000)).toBe(250_000);
  });

  it('comes down again after a hiccup', () => {
    const { draft, member } = training();
    learnPhase(draft, 'computing', 4000);
    goOn(draft, LONGEST_HALF_LIFE_STEPS);
    expect(allowanceMs(draft.state, member)).toBeCloseTo(6000, 3);
    goOn(draft, 3 * LONGEST_HALF_LIFE_STEPS);
    expect(allowanceMs(draft.state, member)).toBe(1500);
  });
});

describe('who saves', () => {
  const NOW_MS = 1_000_000;
  const save = { update: 90, step: 45, stateSha256: 'a', programHash: 'p', stateLayoutJson: '' };

  /** The leader and another one, both for longer than anybody may. */
  function saving(
    written: Partial<CoordinatorState['saving']>,
    unsaved: readonly UnverifiedSave[] = [],
  ): CoordinatorState {
    const { draft, member } = training();
    const late = { ...member, phase: 'saving' as const, phaseSinceMs: 1, lastSeenMs: NOW_MS };
    const members = [
      { ...late, worker: 'leader', shards: [0, 1] },
      { ...late, worker: 'other', shards: [], phase: 'gathering' as const },
    ];
    const { state } = draft;
    return {
      ...state,
      members,
      saving: { ...state.saving, ...written },
      verification: { ...state.verification, unsaved },
    };
  }

  it('is not blamed while the disk or a comparison holds it back, and has its time again behind that', () => {
    expect(findStalled(saving({}), NOW_MS)?.worker).toBe('leader');
    expect(findStalled(saving({ writing: [90] }), NOW_MS)).toBeUndefined();
    expect(findStalled(saving({}, [save]), NOW_MS)).toBeUndefined();
    expect(findStalled(saving({ writtenMs: NOW_MS - 29_000 }), NOW_MS)).toBeUndefined();
    expect(findStalled(saving({ writtenMs: NOW_MS - 31_000 }), NOW_MS)?.worker).toBe('leader');
  });

  it('is excused as the leader alone: another one hashes its state, which needs no disk', () => {
    const state = saving({ writing: [90] });
    const [leader, other] = state.members;
    const members = [leader!, { ...other!, phase: 'saving' as const }];
    expect(findStalled({ ...state, members }, NOW_MS)?.worker).toBe('other');
  });
});

describe('who prepares', () => {
  const NOW_MS = 1_000_000;
  /** By worker: how long ago it began, or a piece of the state that it sends or takes came. */
  const stalledOf = (agoMs: Record<string, number>): string | undefined => {
    const members = Object.entries(agoMs).map(
      ([worker, ms]) =>
        ({
          worker,
          phase: 'compiling',
          status: 'assigned',
          phaseSinceMs: NOW_MS - ms,
          lastSeenMs: NOW_MS,
        }) as MemberState,
    );
    return findStalled({ ...initialState(settings), stage: 'preparing', members }, NOW_MS)?.worker;
  };

  it('may wait as long as a state moves, its own or that of another', () => {
    expect(stalledOf({ attached: 400_000, receiving: 1_000 })).toBeUndefined();
    expect(stalledOf({ attached: 400_000, receiving: 119_000 })).toBeUndefined();
  });

  it('is stalled where nothing moves any more', () => {
    expect(stalledOf({ first: 121_000, second: 122_000 })).toBe('first');
  });
});
