import { UNMEASURED } from '@gantry/common';
import { describe, expect, it } from 'vitest';
import { knownCosts, rememberLinks, summarizeNetwork } from './links.js';
import type { CoordinatorState, Draft, MemberState } from './state.js';

const costs = (latencyUs: number, kilobytesPerSecond: number) => ({ latencyUs, kilobytesPerSecond });

function member(worker: string, host: string, network = UNMEASURED, topology = ''): MemberState {
  return { worker, host, network, topology, status: 'ready' } as MemberState;
}

function draftOf(transport: 'shm' | 'tcp', ...members: MemberState[]): Draft {
  const state = { links: null, members, settings: { config: { transport } } };
  return { state: state as unknown as CoordinatorState, effects: [] };
}

describe('what was measured between hosts', () => {
  const [a, b] = [member('w1', 'a', costs(120, 117_500), 'direct'), member('w2', 'b', costs(150, 99_000), 'direct')];
  const local = member('w3', 'b');

  it('is the worst of what members told, and holds for these hosts and for some of them', () => {
    const draft = draftOf('shm', a, b, local);
    expect(knownCosts(draft.state, [a, b])).toEqual(UNMEASURED);
    rememberLinks(draft);
    expect(knownCosts(draft.state, [a, b, member('w9', 'b')])).toEqual(costs(150, 99_000));
    expect(knownCosts(draft.state, [a])).toEqual(costs(150, 99_000));
    expect(knownCosts(draft.state, [a, b, member('w9', 'c')])).toEqual(UNMEASURED);
  });

  it('holds for members where these share no memory', () => {
    const draft = draftOf('tcp', a, b);
    rememberLinks(draft);
    expect(knownCosts(draft.state, [a, member('w9', 'b')])).toEqual(UNMEASURED);
  });

  it('is not replaced by itself when some of the hosts go on', () => {
    const draft = draftOf('shm', a, b);
    rememberLinks(draft);
    const later = { ...draft, state: { ...draft.state, members: [a] } };
    rememberLinks(later);
    expect(knownCosts(later.state, [a, b])).toEqual(costs(150, 99_000));
  });

  it('is told in units of people, once there was a choice', () => {
    const draft = draftOf('shm', a, b, local);
    rememberLinks(draft);
    expect(summarizeNetwork(draft.state)).toEqual({
      topology: 'direct',
      hosts: 2,
      latencyMs: 0.15,
      megabitsPerSecond: 792,
    });
    expect(summarizeNetwork(draftOf('shm', local).state)).toBe(null);
  });
});
