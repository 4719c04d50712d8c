import { SourceMap, type SourceMapPayload } from 'node:module';
import { dirname, resolve } from 'node:path';

export interface SourcePosition {
  /** Absolute. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** Where in the user's own sources an error was thrown, if its stack leads there. */
export type LocateError = (error: unknown) => SourcePosition | undefined;

/**
 * Reads positions in the bundle, which stacks call `scriptName`, back to the user's files: without switching the process's
 * source maps on, which would slow every stack trace.
 */
export function createLocator(scriptName: string, map: string, path: string): LocateError {
  // Some who prepare stacks (test runners) know a module by its address only, whatever it calls itself.
  const address = 'data:text/javascript;base64,[A-Za-z0-9+/=]+';
  const frame = new RegExp(`(?:${scriptName.replaceAll('.', '\\.')}|${address}):(\\d+):(\\d+)`);
  return (error) => {
    const match = frame.exec((error as Partial<Error> | undefined)?.stack ?? '');
    if (match === null) return undefined;
    const entry = new SourceMap(JSON.parse(map) as SourceMapPayload).findEntry(
      Number(match[1]) - 1,
      Number(match[2]) - 1,
    );
    if (!('originalSource' in entry)) return undefined;
    return { file: resolve(dirname(path), entry.originalSource), line: entry.originalLine + 1 };
  };
}
