import { GantryError } from '@gantry/common';
import { HEADER_BYTES_MAX } from './constants.js';

/** A tensor in a safetensors file; offsets are bytes behind the header. */
export interface FileTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** Bytes of the length in front of the header: a little-endian uint64. */
export const PREFIX_BYTES = 8;
const TENSOR_NAME = /^[A-Za-z0-9][A-Za-z0-9._/:-]{0,255}$/;
/** Sticky. JSON's white space, however much of it. */
const COLON = /[ \t\n\r]*:/y;
const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT;

/**
 * Prefix and header of a safetensors file of F32 tensors that follow each other without gaps. The header ends on a
 * multiple of 8 bytes, filled with blanks, so that the data are aligned. Format: https://github.com/huggingface/safetensors
 */
export function encodeHeader(
  tensors: readonly { readonly name: string; readonly shape: readonly number[] }[],
  metadata: Readonly<Record<string, string>>,
): Buffer {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape } of tensors) {
    const end = offset + FLOAT_BYTES * shape.reduce((product, size) => product * size, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Math.ceil(json.length / PREFIX_BYTES) * PREFIX_BYTES;
  const bytes = Buffer.alloc(PREFIX_BYTES + length, ' ');
  bytes.writeBigUInt64LE(BigInt(length), 0);
  json.copy(bytes, PREFIX_BYTES);
  return bytes;
}

/** Length of the header, from the file's first 8 bytes. @throws GantryError GANTRY_CHECKPOINT_INVALID */
export function headerLength(prefix: Uint8Array, fileBytes: number): number {
  if (fileBytes < PREFIX_BYTES || prefix.length < PREFIX_BYTES) throw invalid(`it has ${fileBytes} bytes`);
  const length = Buffer.from(prefix.buffer, prefix.byteOffset, PREFIX_BYTES).readBigUInt64LE(0);
  if (length > BigInt(HEADER_BYTES_MAX))
    throw invalid(`its header claims ${length} bytes, at most ${HEADER_BYTES_MAX} are allowed`);
  if (Number(length) > fileBytes - PREFIX_BYTES)
    throw invalid(`its header claims ${length} bytes of a file of ${fileBytes}`);
  return Number(length);
}

/**
 * Checks every rule of the format: one JSON object, no name twice, F32 only, shapes and offsets that agree, data without gaps
 * or overlaps that end where the file ends.
 *
 * @param dataBytes Bytes of the file behind the header.
 * @returns The tensors in the order of their data, and the `__metadata__`.
 * @throws GantryError GANTRY_CHECKPOINT_INVALID
 */
export function decodeHeader(
  header: Uint8Array,
  dataBytes: number,
): { tensors: FileTensor[]; metadata: Record<string, string> } {
  const text = decodeText(header);
  const entries = parseObject(text);
  const names = topLevelKeys(text);
  if (new Set(names).size !== names.length) throw invalid('its header names a tensor twice');
  const { __metadata__: metadata, ...rest } = entries;
  const tensors = Object.entries(rest).map(([name, entry]) => decodeTensor(name, entry));
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let expected = 0;
  for (const { name, begin, end } of tensors) {
    if (begin !== expected)
      throw invalid(`tensor ${name} begins at byte ${begin} of the data; ${expected} is expected`);
    expected = end;
  }
  if (expected !== dataBytes) throw invalid(`its tensors end at byte ${expected} of ${dataBytes} bytes of data`);
  return { tensors, metadata: decodeMetadata(metadata) };
}

function decodeText(header: Uint8Array): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header);
    if (text.startsWith('{')) return text;
  } catch {
    throw invalid('its header is not UTF-8');
  }
  throw invalid('its header does not begin with {');
}

function parseObject(text: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw invalid(`its header is no JSON: ${(cause as Error).message}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw invalid('its header is no object');
  return parsed as Record<string, unknown>;
}

/** Keys of the outermost object in a text that is known to be JSON: JSON.parse keeps only the last of two equal ones. */
function topLevelKeys(text: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') depth--;
    else if (char === '"') {
      const start = at;
      for (at++; text[at] !== '"'; at++) if (text[at] === '\\') at++;
      if (depth === 1 && isKeyBefore(text, at + 1)) keys.push(JSON.parse(text.slice(start, at + 1)));
    }
  }
  return keys;
}

/** Whether a colon comes next: in JSON that is so behind a key and behind no other string. */
function isKeyBefore(text: string, at: number): boolean {
  COLON.lastIndex = at;
  return COLON.test(text);
}

/** A text from the file for a message; other values may nest too deep to be written. */
function quoted(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : 'not a text';
}

function decodeTensor(name: string, entry: unknown): FileTensor {
  if (!TENSOR_NAME.test(name)) throw invalid(`it names a tensor ${quoted(name)}`);
  if (typeof entry !== 'object' || entry === null) throw invalid(`tensor ${name} has no description`);
  const { dtype, shape, data_offsets: offsets, ...unknown } = entry as Record<string, unknown>;
  if (Object.keys(unknown).length > 0)
    throw invalid(`tensor ${name} has a field ${Object.keys(unknown)[0]!.slice(0, 80)}`);
  if (dtype !== 'F32') throw invalid(`tensor ${name} is ${quoted(dtype)}; only F32 is read`);
  if (!isCounts(shape)) throw invalid(`tensor ${name} has no valid shape`);
  if (!isCounts(offsets) || offsets.length !== 2) throw invalid(`tensor ${name} has no valid data_offsets`);
  const [begin, end] = offsets as [number, number];
  const bytes = FLOAT_BYTES * shape.reduce((product, size) => product * size, 1);
  if (!Number.isSafeInteger(bytes) || end - begin !== bytes) {
    throw invalid(`tensor ${name} of shape [${shape.join(', ')}] has bytes ${begin} to ${end}; ${bytes} are expected`);
  }
  return { name, shape, begin, end };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= 16 && value.every(isCount);
}

/** JSON can say -0, which is no count and compares as 0. */
function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}

function decodeMetadata(value: unknown): Record<string, string> {
  if (value === undefined) return {};
  const valid =
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((entry) => typeof entry === 'string');
  if (!valid) throw invalid('its __metadata__ is not a table of strings');
  return value as Record<string, string>;
}

function invalid(problem: string): GantryError {
  return new GantryError('GANTRY_CHECKPOINT_INVALID', `not a valid safetensors file: ${problem}`);
}
