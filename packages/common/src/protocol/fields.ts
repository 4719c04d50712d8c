import { ERROR_CODES, type ErrorCode, GantryError } from '../errors.js';
import { GENERATION_MAX, JSON_BYTES_MAX } from './constants.js';

/** Turns what the generated decoder (or a caller) gives into a checked value, or throws; `where` names the field. */
export type Field<T> = (value: unknown, where: string) => T;

/** @throws GantryError GANTRY_PROTOCOL_INVALID, always. */
export function invalid(where: string, problem: string): never {
  throw new GantryError('GANTRY_PROTOCOL_INVALID', `a message is not valid: ${where} ${problem}`, {
    details: { field: where },
  });
}

function asText(value: unknown, where: string, charsMax: number): string {
  if (typeof value !== 'string') invalid(where, 'is not a string');
  if (value.length > charsMax) invalid(where, `has ${value.length} characters, at most ${charsMax} are allowed`);
  return value;
}

/** Text for people: any characters, bounded. */
export function text(charsMax: number): Field<string> {
  return (value, where) => asText(value, where, charsMax);
}

/** A string that matches `pattern` as a whole, or is empty where `optional`. */
export function pattern(expression: RegExp, what: string, options: { optional?: boolean } = {}): Field<string> {
  return (value, where) => {
    const string = asText(value, where, 512);
    if (string === '' && options.optional === true) return string;
    if (!expression.test(string)) invalid(where, `is ${JSON.stringify(string.slice(0, 80))}, which is not ${what}`);
    return string;
  };
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
const NAME_MEANS = 'a name (letters, digits, . _ : -, at most 128)';

export const name = pattern(NAME, NAME_MEANS);
export const nameOrEmpty = pattern(NAME, NAME_MEANS, { optional: true });
export const session = pattern(/^[A-Za-z0-9_-]{8,128}$/, 'a session id');
export const sessionOrEmpty = pattern(/^[A-Za-z0-9_-]{8,128}$/, 'a session id', { optional: true });
export const token = pattern(/^[A-Za-z0-9_-]{1,256}$/, 'a token', { optional: true });
export const sha256 = pattern(/^[0-9a-f]{64}$/, 'a SHA-256 in hex');
export const sha256OrEmpty = pattern(/^[0-9a-f]{64}$/, 'a SHA-256 in hex', { optional: true });
export const hash128 = pattern(/^[0-9a-f]{32}$/, 'a hash of 128 bits in hex');
export const version = pattern(/^[0-9A-Za-z.+-]{1,64}$/, 'a version');
export const endpoint = pattern(/^(?:tcp|ipc|inproc):\/\/[\x21-\x7e]{1,400}$/, 'a ZeroMQ endpoint', { optional: true });
/** Z85, of 32 bytes. */
export const curveKeyOrEmpty = pattern(/^[0-9A-Za-z.\-:+=^!/*?&<>()[\]{}@%$#]{40}$/, 'a CURVE key', { optional: true });
/** A name in /dev/shm, or an absolute path; never one that climbs. */
export const memoryName = pattern(/^(?!.*\.\.)[A-Za-z0-9._/:~-]{1,400}$/, 'a name of shared memory', {
  optional: true,
});
export const json = text(JSON_BYTES_MAX);
export const message = text(8192);

export const errorCode: Field<ErrorCode> = (value, where) => {
  if (!ERROR_CODES.includes(value as ErrorCode)) invalid(where, `is ${JSON.stringify(value)}, which is no known code`);
  return value as ErrorCode;
};

export const bool: Field<boolean> = (value, where) =>
  typeof value === 'boolean' ? value : invalid(where, 'is not a boolean');

/** uint32 up to `max`. */
export function count(max = 0xffffffff): Field<number> {
  return (value, where) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) invalid(where, 'is not a whole number');
    if (value > max) invalid(where, `is ${value}, at most ${max} is allowed`);
    return value;
  };
}

export const uint32 = count();
export const generation = count(GENERATION_MAX);

/** uint64 as a number; protobufjs gives an object of two halves where `long` is installed. */
export const uint64: Field<number> = (value, where) => {
  const number = isLong(value) ? (value.high >>> 0) * 2 ** 32 + (value.low >>> 0) : value;
  if (!Number.isSafeInteger(number) || (number as number) < 0) invalid(where, 'is not a whole number below 2^53');
  return number as number;
};

function isLong(value: unknown): value is { low: number; high: number } {
  return typeof value === 'object' && value !== null && 'low' in value && 'high' in value;
}

/** Any double, also NaN and the infinities: a diverged loss must be reported. */
export const double: Field<number> = (value, where) =>
  typeof value === 'number' ? value : invalid(where, 'is not a number');

export const milliseconds: Field<number> = (value, where) => {
  if (!Number.isFinite(value) || (value as number) < 0) invalid(where, 'is not a time in milliseconds');
  return value as number;
};

export function bytes(max: number): Field<Uint8Array> {
  return (value, where) => {
    if (!(value instanceof Uint8Array)) invalid(where, 'is not bytes');
    if (value.length > max) invalid(where, `has ${value.length} bytes, at most ${max} are allowed`);
    return value;
  };
}

/** A repeated field of at most `max` items. */
export function list<T>(item: Field<T>, max: number): Field<readonly T[]> {
  return (value, where) => {
    if (!Array.isArray(value)) invalid(where, 'is not a list');
    if (value.length > max) invalid(where, `has ${value.length} items, at most ${max} are allowed`);
    return value.map((entry, index) => item(entry, `${where}[${index}]`));
  };
}

/** A nested message: every field by its own rule, nothing else. */
export function record<T>(fields: { readonly [K in keyof T]: Field<T[K]> }): Field<T> {
  const names = Object.keys(fields) as (keyof T & string)[];
  return (value, where) => {
    if (typeof value !== 'object' || value === null) invalid(where, 'is not a message');
    const source = value as Readonly<Record<string, unknown>>;
    const result: Partial<T> = {};
    for (const key of names) result[key] = fields[key](source[key], `${where}.${key}`);
    return result as T;
  };
}
