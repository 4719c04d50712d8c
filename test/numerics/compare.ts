import type { RunConfig, StateRole } from '@gantry/common';
import { type Checkpoint, readCheckpoint } from '@gantry/coordinator';
import { doneOf, gantry, trainArguments, type Workspace } from '../support/gantry.js';

/** Trains with the real command line and reads the last checkpoint. */
export async function finalState(
  work: Workspace,
  options: Readonly<Record<string, string | number>>,
): Promise<Checkpoint> {
  const out = work.run();
  doneOf(await gantry(trainArguments(out, options)));
  return readCheckpoint(out);
}

/**
 * How far two states are from each other, tensor by tensor: norm of the difference over norm of the reference's tensor. Moments
 * are stored as S and S² times what Adam calls so (`@gantry/gan`'s adam.ts) and are compared without that factor.
 */
export function tensorErrors(state: Checkpoint, reference: Checkpoint): Map<string, number> {
  const ratio = shardsOf(state) / shardsOf(reference);
  const scales: Partial<Record<StateRole, number>> = { firstMoment: ratio, secondMoment: ratio ** 2 };
  const errors = new Map<string, number>();
  for (const { network, role, offset, layout } of reference.layout.sections) {
    for (const { name, offset: place, length } of layout.entries) {
      const [from, to] = [offset + place, offset + place + length];
      const error = relativeError(state.state.subarray(from, to), reference.state.subarray(from, to), scales[role]);
      errors.set(`${network}/${role}/${name}`, error);
    }
  }
  return errors;
}

function shardsOf({ manifest }: Checkpoint): number {
  return (JSON.parse(manifest.runConfigJson) as RunConfig).shards;
}

function relativeError(values: Float32Array, reference: Float32Array, scale = 1): number {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < reference.length; i++) {
    difference += (values[i]! / scale - reference[i]!) ** 2;
    norm += reference[i]! ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}

/** The tensors that are further apart than `bound`, as `name: error`; none is what a test wants to see. */
export function tensorsBeyond(errors: ReadonlyMap<string, number>, bound: number): string[] {
  return [...errors]
    .filter(([, error]) => !(error <= bound))
    .map(([name, error]) => `${name}: ${error.toExponential(1)}`);
}

/** The tensors of a state of the article's networks: 6 a network, of 3 roles, and the generator's average. */
export const MLP_TENSORS = 6 * (3 + 4);
