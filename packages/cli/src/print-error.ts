import { GantryError } from '@gantry/common';

/** Whether the command line asks for JSON; looked up before it is parsed, because parsing may fail. */
export function isJson(argv: readonly string[]): boolean {
  return argv.includes('--json');
}

/** Errors that have been shown already, by the event that told of them. */
const shown = new WeakSet<object>();

/** The event of an error has been printed; `printError` will only give its exit code. */
export function markShown(error: unknown): void {
  if (typeof error === 'object' && error !== null) shown.add(error);
}

/** Prints what was wrong and what to do, the code last, and gives the exit code. */
export function printError(error: unknown, options: { json: boolean }): number {
  const known = error instanceof GantryError ? error : unexpected(error);
  if (typeof error === 'object' && error !== null && shown.has(error)) return known.exitCode;
  if (options.json) {
    const { code, message, details } = known;
    process.stdout.write(`${JSON.stringify({ event: 'error', code, message, details })}\n`);
  } else process.stderr.write(`${errorText(known, useColour())}\n`);
  return known.exitCode;
}

/** Colours on a terminal, unless NO_COLOR (no-color.org) says otherwise. */
export function useColour(stream: NodeJS.WriteStream = process.stderr): boolean {
  return stream.isTTY === true && !process.env.NO_COLOR;
}

export function errorText(error: { code: string; message: string }, colour: boolean): string {
  const [red, dim, off] = colour ? ['\u001b[31m', '\u001b[2m', '\u001b[0m'] : ['', '', ''];
  return `${red}error: ${error.message}${off}\n${dim}code: ${error.code}${off}`;
}

function unexpected(error: unknown): GantryError {
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
  const detail = process.env.GANTRY_DEBUG ? `\n${stack ?? ''}` : ' Set GANTRY_DEBUG=1 to see where.';
  return new GantryError('GANTRY_INTERNAL', `${message}. This should not happen.${detail}`, { cause: error });
}
