import { GantryError, type LayoutEntry, NETWORKS, type StateLayout, type StateRole } from '@gantry/common';
import { isFiniteInSlices } from './hash-slices.js';

/** A tensor of the flat state; `offset` and `length` count floats from the state's beginning. */
export interface StateTensor {
  /** `discriminator/params/dense_1/kernel`. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
}

const ROLES: readonly StateRole[] = ['params', 'firstMoment', 'secondMoment', 'ema', 'buffers'];

/** Every tensor of a state, in hash order. */
export function stateTensors(layout: StateLayout): StateTensor[] {
  return layout.sections.flatMap(({ network, role, offset, layout: { entries } }) =>
    entries.map((entry) => ({
      name: `${network}/${role}/${entry.name}`,
      shape: entry.shape,
      offset: offset + entry.offset,
      length: entry.length,
    })),
  );
}

/** The first tensor with a value that is NaN or infinite, and its place in the tensor; null: all are finite. */
export async function findNonFinite(
  state: Float32Array,
  layout: StateLayout,
): Promise<{ name: string; index: number } | null> {
  if (await isFiniteInSlices(state)) return null;
  for (const { name, offset, length } of stateTensors(layout)) {
    const index = state.subarray(offset, offset + length).findIndex((value) => !Number.isFinite(value));
    if (index >= 0) return { name, index };
  }
  return { name: 'padding', index: 0 };
}

/**
 * A StateLayout from JSON, checked: sections and tensors follow each other within their bounds, so that nothing behind this
 * reads outside the state.
 *
 * @throws GantryError GANTRY_CHECKPOINT_INVALID
 */
export function parseStateLayout(json: string): StateLayout {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw invalid('is no JSON', cause);
  }
  const { sections, length } = asObject(value) as { sections?: unknown; length?: unknown };
  if (!isCount(length) || !Array.isArray(sections)) throw invalid('has no length and sections');
  let end = 0;
  for (const section of sections) end = checkSection(asObject(section), end);
  if (end > length) throw invalid(`has sections of ${end} floats in a state of ${length}`);
  return value as StateLayout;
}

function checkSection(section: Record<string, unknown>, from: number): number {
  const { network, role, offset, length, layout } = section;
  const known = NETWORKS.some((one) => one === network) && ROLES.some((one) => one === role);
  if (!known) throw invalid(`has a section ${shown(network)}/${shown(role)}`);
  if (!isCount(offset) || !isCount(length) || offset < from) throw invalid(`has a section at ${shown(offset)}`);
  const { entries, length: inner } = asObject(layout);
  if (!Array.isArray(entries) || inner !== length) throw invalid(`has a section whose layout is not ${length} floats`);
  let end = 0;
  for (const entry of entries) end = checkEntry(asObject(entry), end);
  if (end > length) throw invalid('has tensors outside their section');
  return offset + length;
}

function checkEntry(entry: Record<string, unknown>, from: number): number {
  const { name, shape, offset, length } = entry as unknown as Partial<LayoutEntry>;
  const sizes = Array.isArray(shape) && shape.every(isCount) ? (shape as number[]) : null;
  if (typeof name !== 'string' || sizes === null || !isCount(offset) || !isCount(length) || offset < from) {
    throw invalid('has a tensor that is not described');
  }
  if (sizes.reduce((product, size) => product * size, 1) !== length)
    throw invalid(`has tensor ${shown(name)} of another size`);
  return offset + length;
}

/** A text or number for a message; anything else may nest too deep to be written. */
function shown(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? JSON.stringify(value).slice(0, 80) : 'of no name';
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('is not as expected');
  return value as Record<string, unknown>;
}

function invalid(problem: string, cause?: unknown): GantryError {
  return new GantryError('GANTRY_CHECKPOINT_INVALID', `the layout of a state ${problem}`, { cause });
}
