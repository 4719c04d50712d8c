import { type SpawnOptions, spawn } from 'node:child_process';

export interface Ended {
  /** null: a signal ended it, or it could not be started. */
  readonly code: number | null;
  /** Both outputs as they came. */
  readonly output: string;
}

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
}

/** Runs a program to its end. The test's own process goes on meanwhile: it must answer its runner for as long as a build takes. */
export function command(
  program: string,
  args: readonly string[],
  { env, timeoutMs }: CommandOptions = {},
): Promise<Ended> {
  const options: SpawnOptions = {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(env === undefined ? {} : { env }),
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
  };
  return new Promise((resolve) => {
    const child = spawn(program, args, options);
    let output = '';
    const read = (text: string): void => {
      output += text;
    };
    child.stdout!.setEncoding('utf8').on('data', read);
    child.stderr!.setEncoding('utf8').on('data', read);
    child.on('error', (error) => resolve({ code: null, output: error.message }));
    child.on('close', (code) => resolve({ code, output }));
  });
}

export async function succeeds(program: string, args: readonly string[], options?: CommandOptions): Promise<boolean> {
  return (await command(program, args, options)).code === 0;
}

/** What a command printed. @throws Error with the end of it, if it failed. */
export async function outputOf(program: string, args: readonly string[], options?: CommandOptions): Promise<string> {
  const { code, output } = await command(program, args, options);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${output.slice(-6000)}`);
  return output.trim();
}

export function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
