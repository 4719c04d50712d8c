import { describe, expect, test } from 'vitest';
import { CHUNK_FLOATS, WHOLE_VECTOR_FLOATS_MAX } from '../constants.js';
import { assignShards } from './assignment.js';
import { chunkCount, chunkIndexOf, chunkOf } from './chunks.js';
import { hashPlan, layoutHostMemory } from './host-layout.js';
import { planReduction } from './reduction-plan.js';
import { chooseTopology, createSchedule, type DirectSchedule, networkCosts } from './schedules.js';
import { splitSegments } from './segments.js';
import { hasReached, sequenceDifference } from './sequence.js';

describe('assignment', () => {
  test('is contiguous and even, and gives a hub nothing', () => {
    const ranges = (shards: number, members: number, hub: number | null = null) =>
      assignShards(shards, members, hub).members.map(({ start, end }) => `${start}-${end}`);
    expect(ranges(4, 3)).toEqual(['0-2', '2-3', '3-4']);
    expect(ranges(2, 3)).toEqual(['0-1', '1-2', '2-2']);
    expect(ranges(4, 3, 2)).toEqual(['0-2', '2-4', '4-4']);
    expect(() => assignShards(4, 1, 0)).toThrow('cannot go to 0 members');
  });
});

describe('segments', () => {
  test('cover a vector once, on cache lines, evenly', () => {
    for (const floats of [0, 1, 15, 16, 17, 100, 1000, 65_541]) {
      for (let members = 1; members <= 7; members++) {
        const segments = splitSegments(floats, members);
        expect(segments).toHaveLength(members);
        expect(segments[0]!.start).toBe(0);
        expect(segments.at(-1)!.end).toBe(floats);
        segments.forEach(({ start, end }, index) => {
          expect(start % 16 === 0 || start === floats).toBe(true);
          expect(end).toBe(segments[index + 1]?.start ?? floats);
          expect(end - start).toBeLessThanOrEqual(floats / members + 32);
        });
      }
    }
  });
});

const direct = (...parameters: Parameters<typeof createSchedule>): DirectSchedule => {
  const schedule = createSchedule(...parameters);
  if (schedule.kind !== 'direct') throw new Error(`it is ${schedule.kind}`);
  return schedule;
};

describe('schedules', () => {
  const long = 10 * CHUNK_FLOATS;
  test('two members, and short vectors, go whole', () => {
    expect(direct('direct', long, assignShards(4, 2)).returnsSums).toBe(false);
    expect(direct('direct', WHOLE_VECTOR_FLOATS_MAX, assignShards(4, 4)).returnsSums).toBe(false);
    expect(direct('direct', WHOLE_VECTOR_FLOATS_MAX + 1, assignShards(4, 4)).returnsSums).toBe(true);
  });

  test('the hub of a star owns everything', () => {
    const { owned, returnsSums } = direct('star', long, assignShards(4, 3, 1));
    expect(owned.map(({ start, end }) => end - start)).toEqual([0, long, 0]);
    expect(returnsSums).toBe(true);
    expect(() => direct('star', long, assignShards(4, 3))).toThrow('needs a hub');
  });

  test('two members have nothing to halve', () => {
    expect(createSchedule('halving', long, assignShards(4, 2)).kind).toBe('direct');
    expect(createSchedule('halving', long, assignShards(4, 3)).kind).toBe('halving');
  });

  test('auto halves among many members, where messages to everybody would cost more than rounds', () => {
    const kinds = [2, 3, 4, 8, 64, 256].map(
      (members) => createSchedule('auto', 100_000, assignShards(256, members)).kind,
    );
    expect(kinds).toEqual(['direct', 'direct', 'direct', 'direct', 'halving', 'halving']);
    const network = { latencyMs: 0.05, bytesPerSecond: 1e9 };
    expect(chooseTopology({ ...network, floats: WHOLE_VECTOR_FLOATS_MAX, members: 64 })).toBe('halving');
    expect(chooseTopology({ ...network, floats: long, members: 64, latencyMs: 5 })).toBe('direct');
  });

  test('auto goes by the costs that were measured', () => {
    const kind = (latencyUs: number) => {
      const costs = networkCosts({ latencyUs, kilobytesPerSecond: 1_000_000 });
      return createSchedule('auto', 100_000, assignShards(16, 16), costs).kind;
    };
    expect(kind(1)).toBe('halving');
    expect(kind(2_000)).toBe('direct');
  });

  test('a reduction plan needs few registers and ends in the result', () => {
    const assignment = assignShards(16, 16);
    const plan = planReduction(direct('direct', long, assignment), assignment);
    expect(plan.additions).toHaveLength(15);
    expect(plan.additions.at(-1)!.out).toEqual({ kind: 'result' });
    expect(plan.registers).toBeLessThanOrEqual(5);
  });
});

describe('chunks', () => {
  const segment = { start: 32, end: 32 + 2 * CHUNK_FLOATS + 5 };
  test('cover a segment and are found again', () => {
    expect(chunkCount(segment)).toBe(3);
    for (let index = 0; index < 3; index++) {
      const { start, end } = chunkOf(segment, index);
      expect(chunkIndexOf(segment, start, end - start)).toBe(index);
    }
  });

  test('anything else is none', () => {
    const wrong = [
      [31, CHUNK_FLOATS],
      [32, 5],
      [32, -1],
      [-1, 0],
      [2 ** 31 - 1, CHUNK_FLOATS],
      [32 + 3 * CHUNK_FLOATS, 5],
    ];
    for (const [offset, length] of wrong) expect(chunkIndexOf(segment, offset!, length!)).toBe(-1);
    expect(chunkIndexOf({ start: 0, end: 0 }, 0, 0)).toBe(-1);
  });
});

describe('host layout', () => {
  const plan = {
    members: 3,
    shards: 4,
    stateFloats: 100,
    vectorFloats: { discriminator: 33, generator: 7 },
  };
  test('puts every part on cache lines of its own', () => {
    const layout = layoutHostMemory(plan);
    const offsets = [layout.header, layout.decision, ...layout.ready, ...layout.applied, ...layout.images];
    offsets.push(...layout.partials.discriminator, ...layout.partials.generator);
    expect(new Set(offsets).size).toBe(offsets.length);
    expect(offsets.every((offset) => offset % 64 === 0 && offset < layout.byteLength)).toBe(true);
  });

  test('another plan has another hash', () => {
    expect(hashPlan({ ...plan, stateFloats: 101 })).not.toBe(hashPlan(plan));
    expect(hashPlan({ ...plan })).toBe(hashPlan(plan));
  });
});

test('sequence numbers wrap around', () => {
  expect(hasReached(-(2 ** 31), 2 ** 31 - 1)).toBe(true);
  expect(hasReached(2 ** 31 - 1, -(2 ** 31))).toBe(false);
  expect(sequenceDifference((2 ** 31) | 0, 2 ** 31 - 1)).toBe(1);
});
