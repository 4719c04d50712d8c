import assert from 'node:assert/strict';
import {
  createFrameHeader,
  decodeFrameHeader,
  encodeFrameHeader,
  FRAME_HEADER_BYTES,
  type FrameHeader,
} from '../../packages/collective/dist/core/frame.js';
import { fuzz, REFUSED } from './fuzz.js';

const KINDS = [1, 2, 3];

/** Each field is one of its words on the wire: written again, the same bytes come out. */
function check(header: FrameHeader, bytes: Uint8Array): void {
  const { run, ...words } = header;
  assert(run >= 0n && run < 2n ** 64n);
  for (const [field, value] of Object.entries(words)) assert.equal(value, value | 0, field);
  assert(KINDS.includes(header.kind));
  const again = new Uint8Array(FRAME_HEADER_BYTES);
  encodeFrameHeader(header, new DataView(again.buffer));
  assert(Buffer.from(again).equals(bytes));
}

fuzz<FrameHeader>({
  name: 'frame-header',
  grammar: 'bytes',
  codes: [],
  // Every other length is refused by the first line.
  repair: (bytes, random) => {
    if (random.below(4) === 0) return bytes;
    const repaired = new Uint8Array(FRAME_HEADER_BYTES);
    repaired.set(bytes.subarray(0, FRAME_HEADER_BYTES));
    return repaired;
  },
  parse: (bytes) => decodeFrameHeader(bytes, createFrameHeader()) ?? REFUSED,
  check,
  hostile: [
    { what: 'no bytes', bytes: () => new Uint8Array(0), growthMiB: 4 },
    { what: '64 MiB', bytes: () => new Uint8Array(64 << 20).fill(9), growthMiB: 4 },
  ],
});
