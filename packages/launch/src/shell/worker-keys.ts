import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { GantryError } from '@gantry/common';
import type { LaunchContext } from '../core/plan.js';

/** Who owns the keys, and so can read them; without keys, this user. */
export function ownerOf(keys: string | null): LaunchContext['user'] {
  const owner = keys === null ? undefined : statSync(join(keys, 'server.key'), { throwIfNoEntry: false });
  return { uid: owner?.uid ?? process.getuid?.() ?? 1000, gid: owner?.gid ?? process.getgid?.() ?? 1000 };
}

/** Names of the worker keys in a folder of gantry keygen. */
export function workerKeysIn(folder: string): string[] {
  if (!existsSync(join(folder, 'server.key'))) {
    const message = `${folder} holds no keys (there is no server.key): npx gantry keygen --out ${folder} --workers 4`;
    throw new GantryError('GANTRY_KEYS_INVALID', message);
  }
  return readdirSync(folder)
    .filter((name) => name.endsWith('.key') && name !== 'server.key')
    .map((name) => name.slice(0, -'.key'.length))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}
