import { invalidFile } from '../data-file.js';
import { type NpyHeader, parseNpyHeader } from './header.js';

/** What NumPy itself reads without being asked to trust the file. */
const HEADER_BYTES_MAX = 10_000;
const MAGIC = Buffer.from('\u0093NUMPY', 'latin1');
const KINDS: Readonly<Record<string, readonly number[]>> = { u: [1, 2, 4, 8], i: [1, 2, 4, 8], f: [4, 8] };

/** A parsed .npy file: numbers of one type, not yet in an order or byte order of ours. */
export interface NpyArray {
  readonly path: string;
  /** `uint8`, `float32`, `int64` …: NumPy's name of the type. */
  readonly type: string;
  readonly shape: readonly number[];
  readonly kind: 'u' | 'i' | 'f';
  readonly itemBytes: number;
  readonly bigEndian: boolean;
  readonly fortranOrder: boolean;
  /** A view of the file's bytes. */
  readonly data: Buffer;
  /** Bytes before the data, to name offsets in messages. */
  readonly headerBytes: number;
}

/**
 * Parses a .npy file of format 1.0, 2.0 or 3.0 with whole numbers or floats. Every byte is accounted for.
 * @param path for messages
 * @throws GantryError GANTRY_DATASET_INVALID naming file, byte offset, expected and found
 */
export function parseNpy(path: string, bytes: Buffer): NpyArray {
  const { text, start, headerBytes } = headerText(path, bytes);
  const header = parseNpyHeader(path, text, start);
  const type = parseType(path, header, start + Math.max(0, text.indexOf('descr')));
  const shape = `shape (${header.shape.join(', ')}) of ${type.type}`;
  const zero = header.shape.indexOf(0);
  if (zero >= 0) throw invalidFile(path, start, 'sizes above zero in its shape', shape);
  const values = header.shape.reduce((product, size) => product * size, 1);
  const expected = headerBytes + values * type.itemBytes;
  if (bytes.length < expected) {
    const missing = `the end of the file (${expected - bytes.length} bytes are missing)`;
    throw invalidFile(path, bytes.length, `${expected} bytes for ${shape}`, missing);
  }
  if (bytes.length > expected) {
    throw invalidFile(path, expected, `the end of the file after ${shape}`, `${bytes.length - expected} bytes more`);
  }
  const { fortranOrder } = header;
  return { path, ...type, shape: header.shape, fortranOrder, data: bytes.subarray(headerBytes), headerBytes };
}

/** The dictionary, where it starts, and where the data starts. */
function headerText(path: string, bytes: Buffer): { text: string; start: number; headerBytes: number } {
  if (bytes.length < 8 || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    const found = bytes.length === 0 ? 'an empty file' : `0x${bytes.toString('hex', 0, 8)}`;
    throw invalidFile(path, 0, 'the magic number of a .npy file (0x934e554d5059)', found);
  }
  const [major, minor] = [bytes[6]!, bytes[7]!];
  if (minor !== 0 || major < 1 || major > 3) {
    throw invalidFile(path, 6, 'format version 1.0, 2.0 or 3.0', `${major}.${minor}`);
  }
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) throw invalidFile(path, bytes.length, 'the length of the header', 'the end of the file');
  const length = major === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8);
  if (length > HEADER_BYTES_MAX) {
    throw invalidFile(path, 8, `a header of at most ${HEADER_BYTES_MAX} bytes`, `${length}`);
  }
  const headerBytes = start + length;
  if (bytes.length < headerBytes) {
    throw invalidFile(path, bytes.length, `${headerBytes} bytes of header`, 'the end of the file');
  }
  const text = bytes.toString(major === 3 ? 'utf8' : 'latin1', start, headerBytes);
  if (!text.endsWith('\n')) throw invalidFile(path, headerBytes - 1, 'a line feed at the end of the header', 'none');
  return { text, start, headerBytes };
}

type Type = Pick<NpyArray, 'type' | 'kind' | 'itemBytes' | 'bigEndian'>;

function parseType(path: string, { descr }: NpyHeader, offset: number): Type {
  const [, order, kind, size] = /^([<>|=])([uif])(\d)$/.exec(descr) ?? [];
  const itemBytes = Number(size);
  // `=` is this machine's order where it was written: nobody knows which that was. `|` is for single bytes.
  const ordered = order === '<' || order === '>' || (order === '|' && itemBytes === 1);
  if (kind === undefined || !ordered || !KINDS[kind]!.includes(itemBytes)) {
    const shown = descr.length > 40 ? `${descr.slice(0, 40)}…` : descr;
    throw invalidFile(path, offset, 'a type of whole numbers or floats, as |u1 or <f4', JSON.stringify(shown));
  }
  const name = { u: 'uint', i: 'int', f: 'float' }[kind]!;
  return { type: `${name}${itemBytes * 8}`, kind: kind as Type['kind'], itemBytes, bigEndian: order === '>' };
}
