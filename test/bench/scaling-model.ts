import { assignShards, countCommunication } from '@gantry/collective';
import type { Topology } from '@gantry/common';

/** What an all-reduce of one vector needs of the network, at the member that needs most. */
export interface Needs {
  readonly rounds: number;
  /** Frames with a payload that it sends and receives. */
  readonly frames: number;
  /** Bytes in the direction in which there are more. */
  readonly bytes: number;
}

/** Milliseconds that each of {@link Needs} costs. */
export interface Costs {
  readonly roundMs: number;
  readonly frameMs: number;
  readonly byteMs: number;
}

export interface Measured {
  readonly needs: Needs;
  readonly ms: number;
}

export function needsOf(topology: Topology, hosts: number, bytes: number): Needs {
  const hub = topology === 'star' ? hosts : null;
  const members = hosts + (hub === null ? 0 : 1);
  const floats = Math.floor(bytes / 4);
  const { members: traffic, rounds } = countCommunication({
    topology,
    floats,
    assignment: assignShards(hosts, members, hub),
  });
  return {
    rounds,
    frames: Math.max(...traffic.map(({ sentFrames, receivedFrames }) => sentFrames + receivedFrames)),
    bytes: Math.max(...traffic.map(({ sentBytes, receivedBytes }) => Math.max(sentBytes, receivedBytes))),
  };
}

export function predict({ rounds, frames, bytes }: Needs, { roundMs, frameMs, byteMs }: Costs): number {
  return rounds * roundMs + frames * frameMs + bytes * byteMs;
}

/** Least squares of the relative errors; a cost that would be negative is taken for nothing. */
export function fitCosts(measured: readonly Measured[]): Costs {
  const rows = measured.map(({ needs, ms }) => [needs.rounds / ms, needs.frames / ms, needs.bytes / ms]);
  let used = [0, 1, 2];
  for (;;) {
    const solution = solveLeastSquares(rows.map((row) => used.map((column) => row[column]!)));
    if (solution.every((cost) => cost >= 0)) {
      const cost = (column: number): number => solution[used.indexOf(column)] ?? 0;
      return { roundMs: cost(0), frameMs: cost(1), byteMs: cost(2) };
    }
    const worst = solution.indexOf(Math.min(...solution));
    used = used.filter((_, index) => index !== worst);
  }
}

/** How far predictions are off, in parts of what was measured. */
export function errorsOf(measured: readonly Measured[], costs: Costs): number[] {
  return measured.map(({ needs, ms }) => Math.abs(predict(needs, costs) - ms) / ms).sort((a, b) => a - b);
}

/** The x for which rows · x comes nearest to a vector of ones: normal equations, by Gauss. */
function solveLeastSquares(rows: readonly (readonly number[])[]): number[] {
  const size = rows[0]!.length;
  const matrix = Array.from({ length: size }, (_, i) => [
    ...Array.from({ length: size }, (_, j) => rows.reduce((sum, row) => sum + row[i]! * row[j]!, 0)),
    rows.reduce((sum, row) => sum + row[i]!, 0),
  ]);
  for (let pivot = 0; pivot < size; pivot++) {
    const divisor = matrix[pivot]![pivot]!;
    matrix[pivot] = matrix[pivot]!.map((value) => value / divisor);
    for (let other = 0; other < size; other++) {
      if (other === pivot) continue;
      const factor = matrix[other]![pivot]!;
      matrix[other] = matrix[other]!.map((value, column) => value - factor * matrix[pivot]![column]!);
    }
  }
  return matrix.map((row) => row[size]!);
}
