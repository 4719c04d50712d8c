import { existsSync } from 'node:fs';
import { basename, delimiter, dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { shellQuote } from '@gantry/common';

const BINARIES = join('node_modules', '.bin');

/**
 * What a person types in this folder to call Gantry. `npx gantry` only where npx finds it by itself: elsewhere npx would ask
 * the public registry for a package of that name.
 */
export function ownCommand(cwd: string = process.cwd(), path: string = process.env.PATH ?? ''): string {
  if (foldersAbove(cwd).some((folder) => existsSync(join(folder, BINARIES, 'gantry')))) return 'npx gantry';
  // npx itself puts its folder in front of the PATH of what it starts, and of that alone.
  const lasting = path.split(delimiter).filter((folder) => folder !== '' && !folder.endsWith(`${sep}${BINARIES}`));
  if (lasting.some((folder) => existsSync(join(folder, 'gantry')))) return 'gantry';
  const script = fileURLToPath(new URL('../bin/gantry.js', import.meta.url));
  return `${basename(process.execPath)} ${shellQuote(script)}`;
}

function foldersAbove(folder: string): string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...foldersAbove(parent)];
}
