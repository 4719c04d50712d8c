import { type ChildProcess, spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { GantryError } from '@gantry/common';
import { LEAVE_KILL_MS, LEAVE_TERM_MS } from '../core/constants.js';
import type { Command } from '../core/plan.js';
import { printCommand } from '../core/print-plan.js';

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Its last line on standard error, or why it could not be started. */
  readonly lastWords: string;
}

export type LineKind = 'out' | 'err';

/**
 * A process of a launch. It has a session of its own, so that Ctrl-C reaches the launcher alone, which decides what follows; and
 * its standard input is a pipe that closes when the launcher ends, however it ends: by that it leaves.
 */
export class LaunchedProcess {
  readonly ended: Promise<Exit>;
  readonly #child: ChildProcess;
  #isOver = false;

  constructor(command: Command, onLine: (kind: LineKind, line: string) => void) {
    const [program, ...args] = command.argv;
    const child = spawn(program!, args, {
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...command.env },
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    });
    this.#child = child;
    let lastWords = '';
    const follow = (kind: LineKind, stream: NodeJS.ReadableStream): void => {
      createInterface({ input: stream }).on('line', (line) => {
        if (kind === 'err' && line.trim() !== '') lastWords = line;
        onLine(kind, line);
      });
    };
    follow('out', child.stdout!);
    follow('err', child.stderr!);
    // Whoever has ended reads no more.
    child.stdin!.on('error', () => {});
    void feed(child, command);
    this.ended = new Promise((resolve) => {
      const end = (exit: Exit): void => {
        this.#isOver = true;
        resolve(exit);
      };
      child.on('error', (error) => end({ code: null, signal: null, lastWords: error.message }));
      child.on('close', (code, signal) => end({ code, signal, lastWords }));
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  signal(name: NodeJS.Signals): void {
    if (!this.#isOver) this.#child.kill(name);
  }

  /** Lets it leave by itself; SIGTERM, then SIGKILL, where it does not. */
  async leave(): Promise<Exit> {
    this.#child.stdin!.end();
    const timers = [
      setTimeout(() => this.signal('SIGTERM'), LEAVE_TERM_MS),
      setTimeout(() => this.signal('SIGKILL'), LEAVE_KILL_MS),
    ];
    const exit = await this.ended;
    for (const timer of timers) clearTimeout(timer);
    return exit;
  }
}

/** What no command line may hold, then nothing: the pipe stays open. */
async function feed(child: ChildProcess, { stdin }: Command): Promise<void> {
  if (stdin === undefined) return;
  try {
    for (const file of stdin.files) await pipeline(createReadStream(file), child.stdin!, { end: false });
    if (stdin.end !== undefined) child.stdin!.write(stdin.end);
  } catch {
    // It has ended, or the file is missing: what it lacks it says itself.
  }
}

/** What a command printed. @throws GantryError GANTRY_LAUNCH_FAILED with its last words, if it fails */
export async function outputOf(command: Command): Promise<string> {
  const { code, output, lastWords } = await run(command);
  if (code === 0) return output;
  throw new GantryError(
    'GANTRY_LAUNCH_FAILED',
    `${printCommand(command)} ended with ${code ?? 'no code'}: ${lastWords}`,
  );
}

/** Runs a command to its end, whatever that is; its standard input is empty unless it says otherwise. */
export function run(command: Command): Promise<{ code: number | null; output: string; lastWords: string }> {
  const [program, ...args] = command.argv;
  const child = spawn(program!, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...command.env },
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
  });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  child.stdin.on('error', () => {});
  void feed(child, command).then(() => child.stdin.end());
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: null, output, lastWords: error.message }));
    child.on('close', (code) => resolve({ code, output, lastWords: lastLine(errors) || lastLine(output) }));
  });
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}
