import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where daemons lie, which a user's PATH may lack. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'];

export interface Needed {
  /** Every one of them has to be found afterwards. */
  readonly programs: readonly string[];
  readonly packages: readonly string[];
}

/**
 * Installs Debian packages where a program of them is missing.
 * @returns why they are not to be had; empty: all programs are there.
 */
export function packagesProblem({ programs, packages }: Needed): string {
  if (programs.every(isProgram)) return '';
  const names = packages.join(' ');
  if (process.platform !== 'linux' || !isProgram('apt-get')) return `${names}: not installed, and no apt-get to do it`;
  if (process.getuid?.() !== 0) return `${names}: not installed, and only root installs packages`;
  // The second time with lists that are current: those of an image are often empty.
  for (const isFresh of [false, true]) if (install(packages, isFresh) && programs.every(isProgram)) return '';
  return `apt-get could not install ${names}`;
}

function install(packages: readonly string[], isFresh: boolean): boolean {
  try {
    if (isFresh) apt('update');
    apt('install', '-y', '--no-install-recommends', ...packages);
    return true;
  } catch {
    return false;
  }
}

function apt(...args: readonly string[]): void {
  // In run level 1 no package's daemon is started: the tests start their own.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  execFileSync('apt-get', ['-q', ...args], { env, stdio: 'ignore' });
}

function isProgram(name: string): boolean {
  return [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS].some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
