import assert from 'node:assert/strict';
import { GantryError, type StateChunk } from '@gantry/common';
import { acceptChunk, type StateAssembly } from '../../packages/worker/dist/core/state-assembly.js';
import { fuzz, REFUSED } from './fuzz.js';

/*
 * An input is a list of records, each one chunk: update (1 byte), whether it has a hash (1), its bytes (2), offset (8) and total
 * (8), all little-endian. A refused chunk is followed by the next: a state must survive it.
 */

const RECORD_BYTES = 20;
const BYTES_MAX = 1 << 16;
const HASH = 'a'.repeat(64);

interface Result {
  readonly state: StateAssembly | null;
  readonly accepted: number;
}

function chunkAt(view: DataView, at: number): StateChunk {
  const data = new Uint8Array(view.getUint16(at + 2, true)).fill(at / RECORD_BYTES + 1);
  // The decoder of envelopes refuses what is not a whole number below 2^53.
  const count = (place: number) => Number(view.getBigUint64(place, true) & (2n ** 53n - 1n));
  return {
    kind: 'stateChunk',
    stateUpdate: view.getUint8(at),
    offset: count(at + 4),
    totalBytes: count(at + 12),
    data,
    sha256: view.getUint8(at + 1) % 2 === 1 ? HASH : '',
  };
}

/** What must be so of every state, in the making or whole. */
function checkState(state: StateAssembly, chunk: StateChunk): void {
  const { bytes, received, sha256, update } = state;
  assert(bytes.length <= BYTES_MAX && bytes.length % 4 === 0 && bytes.length > 0);
  assert(received > 0 && received <= bytes.length);
  assert.equal(received, chunk.offset + chunk.data.length);
  assert.equal(update, chunk.stateUpdate);
  assert.equal(sha256, received === bytes.length ? HASH : '');
  assert(Buffer.from(bytes.buffer, chunk.offset, chunk.data.length).equals(chunk.data));
  if (received < bytes.length) assert.equal(bytes[received], 0);
}

function parse(input: Uint8Array): Result | typeof REFUSED {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  let state: StateAssembly | null = null;
  let accepted = 0;
  let before = '';
  for (let at = 0; at + RECORD_BYTES <= input.length; at += RECORD_BYTES) {
    const chunk = chunkAt(view, at);
    try {
      state = acceptChunk(state, chunk, BYTES_MAX);
      checkState(state, chunk);
      accepted++;
      before = `${state.received} ${state.sha256}`;
    } catch (error) {
      if (!(error instanceof GantryError) || error.code !== 'GANTRY_PROTOCOL_INVALID') throw error;
      if (state !== null) assert.equal(`${state.received} ${state.sha256}`, before);
    }
  }
  return accepted > 0 ? { state, accepted } : REFUSED;
}

const record = (update: number, hash: number, bytes: number, offset: bigint, total: bigint): Uint8Array => {
  const view = new DataView(new ArrayBuffer(RECORD_BYTES));
  view.setUint8(0, update);
  view.setUint8(1, hash);
  view.setUint16(2, bytes, true);
  view.setBigUint64(4, offset, true);
  view.setBigUint64(12, total, true);
  return new Uint8Array(view.buffer);
};

fuzz<Result>({
  name: 'state-chunks',
  grammar: 'bytes',
  codes: ['GANTRY_PROTOCOL_INVALID'],
  parse,
  check: ({ state }) => assert(state !== null),
  hostile: [
    { what: 'a state of 2^33 bytes', bytes: () => record(1, 0, 4, 0n, 2n ** 33n), growthMiB: 4 },
    { what: 'a state of 2^53 - 4 bytes', bytes: () => record(1, 0, 4, 0n, 2n ** 53n - 4n), growthMiB: 4 },
    { what: 'an offset of 2^53 - 1', bytes: () => record(1, 0, 4, 2n ** 53n - 1n, 8n), growthMiB: 4 },
    { what: 'a chunk larger than its state', bytes: () => record(1, 1, 65_535, 0n, 4n), growthMiB: 4 },
    { what: 'a state of no bytes', bytes: () => record(1, 1, 0, 0n, 0n), growthMiB: 4 },
  ],
});
