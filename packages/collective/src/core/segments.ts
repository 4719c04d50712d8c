import { ALIGNMENT_FLOATS, assert } from '@gantry/common';

/** Floats [start, end) of a network's flat vector; empty where start = end. */
export interface Segment {
  readonly start: number;
  readonly end: number;
}

/**
 * Cuts a vector into one contiguous segment a member, as even as whole cache lines allow: two owners never write to the
 * same line. Short vectors leave the last members empty segments.
 */
export function splitSegments(floats: number, members: number): Segment[] {
  assert(floats >= 0 && members >= 1, `cannot cut ${floats} floats into ${members} segments`);
  const lines = Math.ceil(floats / ALIGNMENT_FLOATS);
  const cut = (index: number): number => Math.min(floats, Math.floor((lines * index) / members) * ALIGNMENT_FLOATS);
  return Array.from({ length: members }, (_, member) => ({
    start: cut(member),
    end: member === members - 1 ? floats : cut(member + 1),
  }));
}

/** Everything to the hub, and empty segments to all others. */
export function starSegments(floats: number, members: number, hub: number): Segment[] {
  assert(hub >= 0 && hub < members, `hub ${hub} is none of ${members} members`);
  return Array.from({ length: members }, (_, member) => ({ start: 0, end: member === hub ? floats : 0 }));
}
