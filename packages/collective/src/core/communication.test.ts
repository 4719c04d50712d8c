import { describe, expect, test } from 'vitest';
import { CHUNK_FLOATS } from '../constants.js';
import { assignShards } from './assignment.js';
import { countCommunication } from './communication.js';

const LONG = 64 * CHUNK_FLOATS;
const count = (topology: 'direct' | 'halving', members: number, wire: 'fp32' | 'bf16' = 'fp32') =>
  countCommunication({ topology, floats: LONG, assignment: assignShards(members, members), wire });

describe('countCommunication', () => {
  test.each([4, 8, 16, 64])('%i members with a shard each: as few bytes as can be, either way', (members) => {
    const least = (2 * LONG * 4 * (members - 1)) / members;
    for (const topology of ['direct', 'halving'] as const) {
      for (const { sentBytes, receivedBytes } of count(topology, members).members) {
        expect(sentBytes).toBe(least);
        expect(receivedBytes).toBe(least);
      }
    }
  });

  test('direct has two rounds, halving one for every doubling, each way', () => {
    expect([2, 4, 64].map((members) => count('direct', members).rounds)).toEqual([1, 2, 2]);
    expect([4, 5, 8, 64, 1024].map((members) => count('halving', members).rounds)).toEqual([4, 6, 6, 12, 20]);
  });

  test('a piece that is not cut between its members goes one way, the other members are not waited for', () => {
    const short = (members: number) =>
      countCommunication({ topology: 'halving', floats: 20, assignment: assignShards(members, members) }).rounds;
    expect([2, 3, 4, 5, 8].map(short)).toEqual([1, 2, 4, 4, 6]);
  });

  test('only single gradients travel in two bytes', () => {
    const [direct, halving] = [count('direct', 4, 'bf16'), count('halving', 4, 'bf16')];
    // Sums go back in four.
    expect(direct.members[0]!.sentBytes).toBe(((LONG * 3) / 4) * (2 + 4));
    expect(halving.members[0]!.sentBytes).toBeGreaterThan(direct.members[0]!.sentBytes);
  });

  test('one member alone sends nothing', () => {
    const { members, rounds } = count('direct', 1);
    expect([members[0]!.sentFrames, rounds]).toEqual([0, 0]);
  });
});
