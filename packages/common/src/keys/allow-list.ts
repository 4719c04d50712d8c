import { invalidKeys, isKeyName } from './key-file.js';
import { isKey } from './key-pair.js';

/** Name by public key, of everyone who may join. */
export type AllowList = ReadonlyMap<string, string>;

const HEAD = `# Who may join, one "name publickey" a line. A line added here admits, a line taken out revokes, at once,
# while a coordinator runs.
`;

export function printAllowList(list: AllowList): string {
  return `${HEAD}${[...list].map(([publicKey, name]) => allowListLine(name, publicKey)).join('')}`;
}

export function allowListLine(name: string, publicKey: string): string {
  return `${name} ${publicKey}\n`;
}

/**
 * A line is empty, a comment, or `name publickey`, with a comment behind it or not; every name and every key once.
 * @throws GantryError GANTRY_KEYS_INVALID naming file and line.
 */
export function parseAllowList(file: string, text: string): AllowList {
  const list = new Map<string, string>();
  const names = new Set<string>();
  for (const [index, line] of text.split('\n').entries()) {
    const [name = '', key = '', comment = '#'] = line.trim().split(/\s+/);
    if (name === '' || name.startsWith('#')) continue;
    const where = `line ${index + 1}`;
    if (!isKeyName(name)) invalidKeys(file, `${where}: ${JSON.stringify(name.slice(0, 80))} is no name`);
    // A key may have # in it: a comment begins behind a space.
    if (!isKey(key) || !comment.startsWith('#'))
      invalidKeys(file, `${where}: expected "name publickey", the key of 40 characters`);
    if (names.has(name)) invalidKeys(file, `${where}: ${name} is there twice`);
    if (list.has(key)) invalidKeys(file, `${where}: the key of ${name} is also that of ${list.get(key)}`);
    names.add(name);
    list.set(key, name);
  }
  return list;
}
