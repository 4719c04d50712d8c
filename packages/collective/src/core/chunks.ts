import { CHUNK_FLOATS } from '../constants.js';
import type { Segment } from './segments.js';

/** How many frames carry a segment. */
export function chunkCount(segment: Segment): number {
  return Math.ceil((segment.end - segment.start) / CHUNK_FLOATS);
}

/** Chunk `index` of a segment; the last one may be shorter. */
export function chunkOf(segment: Segment, index: number): Segment {
  const start = segment.start + index * CHUNK_FLOATS;
  return { start, end: Math.min(segment.end, start + CHUNK_FLOATS) };
}

/** The chunk of `segment` that is exactly `length` floats from `offset`, or -1. Safe for any numbers. */
export function chunkIndexOf(segment: Segment, offset: number, length: number): number {
  const index = (offset - segment.start) / CHUNK_FLOATS;
  if (!Number.isInteger(index) || index < 0 || index >= chunkCount(segment)) return -1;
  const chunk = chunkOf(segment, index);
  return chunk.end - chunk.start === length ? index : -1;
}

/** All chunks of a segment. */
export function chunksOf(segment: Segment): Segment[] {
  return Array.from({ length: chunkCount(segment) }, (_, index) => chunkOf(segment, index));
}
