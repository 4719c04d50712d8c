import { assert } from './errors.js';

/** Floats per 64-byte cache line: every tensor and every segment of a flat buffer starts on one. */
export const ALIGNMENT_FLOATS = 16;

/** One named tensor in a flat buffer. `offset` and `length` count floats; the padding after it is always zero. */
export interface LayoutEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
}

/** Where the tensors of one network lie in its flat `Float32Array`. `length` counts floats, padding included. */
export interface Layout {
  readonly entries: readonly LayoutEntry[];
  readonly length: number;
}

/** Rounds a number of floats up to a whole number of cache lines. */
export function alignFloats(floats: number): number {
  return Math.ceil(floats / ALIGNMENT_FLOATS) * ALIGNMENT_FLOATS;
}

/** Lays tensors out one after the other, each 64-byte aligned, in the order given. */
export function createLayout(tensors: readonly { name: string; shape: readonly number[] }[]): Layout {
  const entries: LayoutEntry[] = [];
  const names = new Set<string>();
  let offset = 0;
  for (const { name, shape } of tensors) {
    assert(!names.has(name), `two tensors of one layout are named ${name}`);
    names.add(name);
    const length = shape.reduce((product, size) => product * size, 1);
    entries.push({ name, shape: [...shape], offset, length });
    offset += alignFloats(length);
  }
  return { entries, length: offset };
}

/** Views of every tensor of a layout on `flat`, which starts at the layout's first float. Shares memory. */
export function layoutViews(layout: Layout, flat: Float32Array, prefix = ''): Record<string, Float32Array> {
  const views: Record<string, Float32Array> = {};
  for (const { name, offset, length } of layout.entries) views[prefix + name] = flat.subarray(offset, offset + length);
  return views;
}
