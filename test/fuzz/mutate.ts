/*
 * Inputs for parsers: an item of a corpus, changed once or some times. Everything comes from a seed and an index, so that one
 * input can be made again alone.
 */

import type { Random } from './random.js';

/** What an input is made of: how it is changed beside the changes that suit any bytes. */
export type Grammar = 'bytes' | 'protobuf' | 'text';
type Change = (bytes: Uint8Array, random: Random, corpus: readonly Uint8Array[]) => Uint8Array;

const SMALL_BYTES_MAX = 4 << 10;
const LARGE_BYTES_MAX = 32 << 10;
/** One input of so many may be large. */
const LARGE_EVERY = 500;

/** @param picks items that are drawn, of which the shortest is changed @default 1 */
export function mutate(random: Random, corpus: readonly Uint8Array[], grammar: Grammar, picks = 1): Uint8Array {
  const bytesMax = random.below(LARGE_EVERY) === 0 ? LARGE_BYTES_MAX : SMALL_BYTES_MAX;
  const own = CHANGES[grammar];
  let bytes = random.pick(corpus);
  for (let pick = 1; pick < picks; pick++) {
    const other = random.pick(corpus);
    if (other.length < bytes.length) bytes = other;
  }
  do {
    const changes = own.length > 0 && random.below(3) > 0 ? own : CHANGES.bytes;
    bytes = random.pick(changes)(bytes, random, corpus).subarray(0, bytesMax);
  } while (random.below(3) === 0);
  return bytes;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const { buffer, byteOffset, length } = Buffer.concat(parts);
  return new Uint8Array(buffer, byteOffset, length);
}

function replaced(bytes: Uint8Array, from: number, to: number, by: Uint8Array): Uint8Array {
  return concat(bytes.subarray(0, from), by, bytes.subarray(to));
}

/** A section: begin and end. */
function section(bytes: Uint8Array, random: Random): [number, number] {
  const from = random.below(bytes.length + 1);
  return [from, Math.min(bytes.length, from + 1 + random.below(random.below(4) === 0 ? bytes.length : 8))];
}

const INTEGERS = [0n, 1n, 2n, 127n, 128n, 255n, 256n, 32767n, 65535n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n]
  .concat([2n ** 32n, 2n ** 33n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n])
  .map((value) => Buffer.from(value.toString(16).padStart(16, '0'), 'hex'));

const flipBit: Change = (bytes, random) => {
  const copy = Uint8Array.from(bytes);
  if (copy.length > 0) copy[random.below(copy.length)]! ^= 1 << random.below(8);
  return copy;
};
/** Written over 1, 2, 4 or 8 bytes, in one order or the other. */
const setInteger: Change = (bytes, random) => {
  const width = 1 << random.below(4);
  const value = Uint8Array.from(random.pick(INTEGERS).subarray(8 - width));
  const at = random.below(bytes.length);
  return replaced(bytes, at, at + width, random.below(2) === 0 ? value : value.reverse());
};
const truncate: Change = (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1));
const splice: Change = (bytes, random, corpus) => {
  const other = random.pick(corpus);
  return concat(bytes.subarray(0, random.below(bytes.length + 1)), other.subarray(random.below(other.length + 1)));
};
const repeat: Change = (bytes, random) => {
  const [from, to] = section(bytes, random);
  const part = bytes.subarray(from, to);
  const times = Math.min(random.depth(), Math.ceil(LARGE_BYTES_MAX / (part.length + 1)));
  return replaced(bytes, to, to, concat(...Array<Uint8Array>(times).fill(part)));
};
const remove: Change = (bytes, random) => replaced(bytes, ...section(bytes, random), new Uint8Array(0));
const noise: Change = (bytes, random) => replaced(bytes, ...section(bytes, random), random.bytes(1 + random.below(16)));
/** Any byte may be a length, or the first of one. */
const inflate: Change = (bytes, random) => {
  const at = random.below(bytes.length);
  return replaced(bytes, at, at + 1, varint(random));
};

/** Up to twelve bytes, two more than are allowed. */
function varint(random: Random): Uint8Array {
  const bytes = random.bytes(1 + random.below(12)).map((byte) => byte | 0x80);
  bytes[bytes.length - 1]! &= random.below(8) === 0 ? 0xff : 0x7f;
  return bytes;
}

function encodeVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.of(...bytes, rest);
    bytes.push((rest % 128) | 0x80);
  }
}

/** A field of a message: its tag, and its value without the length in front. */
type Field = { tag: number; value: Uint8Array };

/** A message with these fields; lengths are right. */
export function encodeFields(fields: readonly Field[]): Uint8Array {
  return concat(
    ...fields.flatMap(({ tag, value }) =>
      (tag & 7) === 2 ? [encodeVarint(tag), encodeVarint(value.length), value] : [encodeVarint(tag), value],
    ),
  );
}

/** As many fields as can be read; groups are not told from others. */
function decodeFields(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let scale = 1; at < bytes.length && scale < 2 ** 42; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 128) break;
    }
    return value;
  };
  while (at < bytes.length) {
    const tag = number();
    const start = at;
    const length = (tag & 7) === 2 ? number() : (tag & 7) === 1 ? 8 : (tag & 7) === 5 ? 4 : 0;
    if ((tag & 7) === 0) number();
    const from = (tag & 7) === 0 ? start : at;
    at = (tag & 7) === 0 ? at : at + length;
    fields.push({ tag, value: bytes.subarray(from, at) });
  }
  return fields;
}

/** Changes one field, at any level, and writes the message anew. */
const changeField: Change = (bytes, random, corpus) => {
  const fields = decodeFields(bytes);
  const at = random.below(fields.length);
  const field = fields[at] ?? { tag: 0, value: new Uint8Array(0) };
  const nested = (field.tag & 7) === 2;
  const change = random.below(nested ? 12 : 7);
  if (change === 0) fields.splice(at, 1);
  else if (change === 1) fields.splice(random.below(fields.length), 0, ...Array<Field>(random.depth()).fill(field));
  else if (change === 2) fields.push({ tag: random.below(256 * 8), value: random.bytes(random.below(9)) });
  else if (change === 3) fields[at] = { ...field, tag: random.below(32 * 8) };
  else if (change === 4) fields[at] = { ...field, value: nested ? random.bytes(random.below(32)) : varint(random) };
  else if (change === 5) fields[at] = { tag: field.tag, value: wrapped(field, random) };
  else if (change === 6) fields.push({ tag: field.tag | 3, value: new Uint8Array(random.depth()).fill(field.tag | 3) });
  else fields[at] = { ...field, value: random.pick([changeField, ...CHANGES.bytes])(field.value, random, corpus) };
  return encodeFields(fields);
};

/** A field in itself, over and over. */
function wrapped({ tag, value }: Field, random: Random): Uint8Array {
  let inner = value;
  for (let depth = Math.min(random.depth(), 200); depth > 0; depth--) inner = encodeFields([{ tag, value: inner }]);
  return inner;
}

const TOKENS = /"(?:[^"\\]|\\.)*"|[\w.+-]+|\s+|./gsu;
/** Apart by blanks. */
const HOSTILE_WORDS =
  '__proto__ "__proto__" constructor "toString" {"toString":1,"valueOf":1} &a *a << !!js/function !!binary " \' \0 \ufeff ' +
  '1e400 -1 -0 0.5 9007199254740993 1e21 0x7fffffff .nan .inf null true "" [] {} {"a":{}} [[1]] "\\u0000" "\\ud800" 💥 # ,';
const HOSTILE_TOKENS = HOSTILE_WORDS.split(' ').concat([
  '%YAML 1.1\n---\n',
  '---\n',
  '? ',
  ': ',
  '- ',
  '| ',
  '\t',
  '\r',
]);

/** Changes one word, text, number, blank or sign. */
const changeToken: Change = (bytes, random) => {
  const tokens = Buffer.from(bytes).toString('utf8').match(TOKENS) ?? [''];
  const at = random.below(tokens.length);
  const token = tokens[at]!;
  const change = random.below(7);
  if (change <= 1) tokens[at] = random.pick(HOSTILE_TOKENS);
  else if (change === 2) tokens[at] = random.pick(tokens);
  else if (change === 3) tokens.splice(at, 0, random.pick(HOSTILE_TOKENS));
  else if (change === 4) tokens.splice(at, 1 + random.below(3));
  else if (change === 5)
    tokens.splice(at, 0, ...tokens.slice(at, at + 1 + random.below(12)), random.pick([',', '\n', '']));
  else tokens[at] = nestedText(token, random);
  return new Uint8Array(Buffer.from(tokens.join('')));
};

const NESTINGS = ['[|]', '{"a":|}', '{|}', '- |', '? |'].map((pair) => pair.split('|') as [string, string]);

function nestedText(token: string, random: Random): string {
  const [open, close] = random.pick(NESTINGS);
  const depth = random.depth();
  return open.repeat(depth) + token + close.repeat(random.below(8) === 0 ? depth - 1 : depth);
}

const CHANGES: Readonly<Record<Grammar, readonly Change[]>> = {
  bytes: [flipBit, setInteger, truncate, splice, repeat, remove, noise, inflate],
  protobuf: [changeField],
  text: [changeToken],
};
