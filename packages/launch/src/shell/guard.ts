// A process that outlives the launcher, however that ends, and then ends what the launcher had handed over. It is told the
// commands in one line on its standard input; `done` in a second line means that there is nothing to end.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Command } from '../core/plan.js';
import { run } from './processes.js';

/** A guard over what was handed over. */
export interface Guard {
  /** Everything has been ended in good order: it has nothing to do. */
  release(): void;
}

/** Starts one: it runs `commands` if this process ends without {@link Guard.release}. */
export function startGuard(commands: readonly Command[]): Guard {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  child.stdin.write(`${JSON.stringify(commands)}\n`);
  return { release: () => child.stdin.end('done\n') };
}

async function main(): Promise<void> {
  const lines: string[] = [];
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => {});
  for await (const line of createInterface({ input: process.stdin })) lines.push(line);
  const [commands = '[]', done] = lines;
  if (done === 'done') return;
  for (const command of JSON.parse(commands) as Command[]) await run(command);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
