import { isLoopback } from '@gantry/common';
import { textOf } from './arguments.js';
import type { Args } from './command.js';
import { useColour } from './print-error.js';

/** What `--keys` or GANTRY_KEYS name. Only paths: a command line can be read by everyone on the machine. */
export function keysOf(args: Args): string | undefined {
  const path = textOf(args, 'keys') ?? process.env.GANTRY_KEYS;
  return path === '' ? undefined : path;
}

/** Says in red what `--insecure` does, where it does something. */
export function warnInsecure(endpoint: string, given: { insecure: boolean; keys: string | undefined }): void {
  if (!given.insecure || given.keys !== undefined || isLoopback(endpoint)) return;
  const [red, off] = useColour() ? ['\u001b[31m', '\u001b[0m'] : ['', ''];
  process.stderr.write(
    `${red}warning: --insecure: ${endpoint} is neither encrypted nor authenticated. Whoever reaches it can read the run, ` +
      `join it and change it. Keys are made by gantry keygen.${off}\n`,
  );
}
