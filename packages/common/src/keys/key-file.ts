import { GantryError } from '../errors.js';
import { isKey, isPair, type KeyPair } from './key-pair.js';

/** What `server.key` holds. */
export interface ServerKeys extends KeyPair {
  readonly kind: 'server';
}

/** What a worker's key file holds: all that it needs to join. */
export interface WorkerKeys extends KeyPair {
  readonly kind: 'worker';
  /** Its name on the allow-list. */
  readonly name: string;
  /** Public key of the coordinator: the worker talks to no other. */
  readonly serverKey: string;
}

export type KeyFile = ServerKeys | WorkerKeys;

/** Of this format; a file of another is refused. */
const VERSION = 1;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Would be the file of the server. */
const RESERVED = 'server';
const FIELDS: Readonly<Record<KeyFile['kind'], readonly string[]>> = {
  server: ['gantryKey', 'kind', 'publicKey', 'secretKey'],
  worker: ['gantryKey', 'kind', 'name', 'publicKey', 'secretKey', 'serverKey'],
};

/** @throws GantryError GANTRY_KEYS_INVALID, always. */
export function invalidKeys(file: string, problem: string, cause?: unknown): never {
  const options = { details: { file }, ...(cause === undefined ? {} : { cause }) };
  throw new GantryError('GANTRY_KEYS_INVALID', `${file}: ${problem}`, options);
}

/** A name that can be on an allow-list, and be part of a file's. */
export function isKeyName(name: string): boolean {
  return NAME.test(name) && name !== RESERVED;
}

export function printKeyFile(keys: KeyFile): string {
  return `${JSON.stringify({ gantryKey: VERSION, ...keys }, null, 2)}\n`;
}

/**
 * Strict: exactly the fields of its kind, keys that are keys and belong together.
 * @throws GantryError GANTRY_KEYS_INVALID naming the file and what is wrong, never a secret.
 */
export function parseKeyFile<K extends KeyFile['kind']>(
  file: string,
  text: string,
  kind: K,
): Extract<KeyFile, { kind: K }> {
  const fields = parseObject(file, text);
  if (fields.gantryKey !== VERSION)
    invalidKeys(file, `is no key file of version ${VERSION}; make keys with gantry keygen`);
  if (fields.kind !== kind)
    invalidKeys(file, `is a key of kind ${JSON.stringify(fields.kind)}, a ${kind}'s is needed here`);
  const expected = FIELDS[kind];
  const other = Object.keys(fields).find((name) => !expected.includes(name));
  if (other !== undefined) invalidKeys(file, `has an unknown field ${JSON.stringify(other)}`);
  for (const name of expected.filter((one) => one.endsWith('Key') && one !== 'gantryKey')) {
    if (typeof fields[name] !== 'string' || !isKey(fields[name]))
      invalidKeys(file, `${name} is not a key of 40 characters`);
  }
  if (kind === 'worker' && (typeof fields.name !== 'string' || !isKeyName(fields.name))) {
    invalidKeys(file, 'name is not a name (letters, digits, . _ -, at most 64)');
  }
  const { gantryKey: _version, ...keys } = fields;
  if (!isPair(keys as unknown as KeyPair)) invalidKeys(file, 'publicKey and secretKey are not of one pair');
  return keys as unknown as Extract<KeyFile, { kind: K }>;
}

function parseObject(file: string, text: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's message would quote what stands there, which may be a secret.
    invalidKeys(file, 'is not JSON; make keys with gantry keygen');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) invalidKeys(file, 'is not a JSON object');
  return parsed as Readonly<Record<string, unknown>>;
}
