import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { GantryError } from '@gantry/common';
import { bytes } from './formats/numbers.js';
import { headerOf, type SampleFormat, type SampleShape } from './sample-writer.js';

/** What a file system has: bytes for whoever writes, and in a block, the least that a file takes. */
export interface DiskRoom {
  readonly free: number;
  readonly block: number;
}

/** A digit and a line feed. */
const ROW_BYTES_MIN = 2;

/** Bytes that samples take at least; exact for arrays. How well pictures can be packed shows only when they are made. */
export function bytesNeeded(format: SampleFormat, shape: SampleShape, block: number): number {
  if (format === 'grid') return block;
  if (format === 'png') return shape.count * block;
  if (format === 'csv') return shape.count * ROW_BYTES_MIN;
  const size = shape.imageShape.reduce((product, dimension) => product * dimension, 1);
  return headerOf(format, shape).length + shape.count * size;
}

/**
 * Refuses what will not fit before it is made: hours may lie between.
 * @throws GantryError GANTRY_DISK_FULL with the bytes needed and those that are free.
 */
export function requireRoom(
  target: { readonly format: SampleFormat; readonly to: string },
  shape: SampleShape,
  room: DiskRoom | undefined = roomAt(target.to),
): void {
  if (room === undefined) return;
  const needed = bytesNeeded(target.format, shape, room.block);
  if (needed <= room.free) return;
  const about = target.format === 'png' || target.format === 'csv' ? 'at least ' : '';
  throw new GantryError(
    'GANTRY_DISK_FULL',
    `no room to write ${target.to}: it needs ${about}${bytes(needed)} and its disk has ${bytes(room.free)} free; ` +
      'free some space, make fewer samples with --count, or use another --to',
    { details: { file: target.to, bytesNeeded: needed, bytesFree: room.free } },
  );
}

/** undefined: not known. The path need not be there yet. */
function roomAt(path: string): DiskRoom | undefined {
  let folder = path;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  try {
    const { bavail, bsize, blocks } = statfsSync(folder);
    // File systems of no disk, such as /proc, have no blocks and say no.
    return blocks === 0 ? undefined : { free: bavail * bsize, block: bsize };
  } catch {
    return undefined;
  }
}
