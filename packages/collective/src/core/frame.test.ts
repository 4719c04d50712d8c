import { describe, expect, test } from 'vitest';
import {
  createFrameHeader,
  decodeFrameHeader,
  encodeFrameHeader,
  FRAME_FLAG_STOP,
  FRAME_HEADER_BYTES,
  FRAME_SUM,
  FRAME_WIRES,
  patchFrameHeader,
} from './frame.js';

const header = {
  ...{ run: 0xfedc_ba98_7654_3210n, generation: 3, update: -5, network: 1, sender: 2 },
  kind: FRAME_SUM,
  ...{ nodeStart: 4, nodeEnd: 6, offset: 1 << 30, length: 512, flags: 0, wire: FRAME_WIRES.fp16 },
} as const;

function encode(): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES);
  encodeFrameHeader(header, new DataView(bytes.buffer));
  return bytes;
}

describe('frame header', () => {
  test('comes back as it went', () => {
    expect(decodeFrameHeader(encode(), createFrameHeader())).toEqual(header);
  });

  test('is protobuf: fixed64 field 1, then fixed32 fields 2 to 12', () => {
    const bytes = encode();
    expect([...bytes.subarray(0, 15)]).toEqual([
      0x09, 0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe, 0x15, 3, 0, 0, 0, 0x1d,
    ]);
    for (let field = 2; field <= 12; field++) expect(bytes[9 + (field - 2) * 5]).toBe((field << 3) | 5);
  });

  test('update and flags can be changed in place', () => {
    const bytes = encode();
    patchFrameHeader(new DataView(bytes.buffer), 77, FRAME_FLAG_STOP);
    expect(decodeFrameHeader(bytes, createFrameHeader())).toEqual({ ...header, update: 77, flags: FRAME_FLAG_STOP });
  });

  test('any other form is no header', () => {
    const into = createFrameHeader();
    const decode = (bytes: Uint8Array) => decodeFrameHeader(bytes, into);
    expect(decode(encode())).not.toBeNull();
    expect(decode(encode().subarray(1))).toBeNull();
    expect(decode(new Uint8Array(0))).toBeNull();
    for (const at of [0, 9, 14, 19, 24, 29, 34, 39, 44, 49, 54, 59]) {
      const bytes = encode();
      bytes[at]! ^= 0x40;
      expect(decode(bytes)).toBeNull();
    }
    const unknownKind = encode();
    unknownKind[9 + 3 * 5 + 1] = 9;
    expect(decode(unknownKind)).toBeNull();
    const unknownWire = encode();
    unknownWire[9 + 10 * 5 + 1] = 3;
    expect(decode(unknownWire)).toBeNull();
  });
});
