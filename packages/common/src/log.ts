import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger, LogLevel } from './ports.js';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export interface LoggerOptions {
  /** Least level that people see on stderr; null: nothing there. @default 'info' */
  readonly stderr?: LogLevel | null;
  /** File that gets every line as JSON, appended; its folder is made. */
  readonly file?: string;
  /** Least level of the file. @default 'debug' */
  readonly fileLevel?: LogLevel;
  /** Said with every line of the file, and in front of those on stderr if `name` is among them. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/**
 * Log lines for people (stderr) and for machines (one JSON object a line in a file). Lines are written synchronously, so
 * that the last one before a crash is there; nothing on the hot path logs.
 */
export function createLogger(options: LoggerOptions = {}): Logger & { close(): void } {
  const { stderr = 'info', fileLevel = 'debug', fields = {} } = options;
  let file = options.file === undefined ? undefined : openForAppend(options.file);
  const prefix = typeof fields.name === 'string' ? `${fields.name}: ` : '';
  return {
    log(level, message, more = {}) {
      if (stderr !== null && reaches(level, stderr)) writeStderr(`${prefix}${forPeople(level, message, more)}\n`);
      if (file !== undefined && reaches(level, fileLevel)) {
        writeSync(file, `${jsonLine({ time: new Date().toISOString(), level, message, ...fields, ...more })}\n`);
      }
    },
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}

/** A logger that says nothing, for tests and for callers that do not care. */
export const SILENT_LOGGER: Logger = { log() {} };

function openForAppend(path: string): number {
  mkdirSync(dirname(path), { recursive: true });
  return openSync(path, 'a');
}

function reaches(level: LogLevel, least: LogLevel): boolean {
  return LEVELS.indexOf(level) >= LEVELS.indexOf(least);
}

function writeStderr(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    // A reader that went away (EPIPE) or is slow (EAGAIN) must not end a run.
  }
}

function forPeople(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): string {
  const details = Object.entries(fields).map(([key, value]) => `${key}=${shown(value)}`);
  const label = level === 'info' ? '' : `${level}: `;
  return label + [message, ...details].join(' ');
}

function shown(value: unknown): string {
  if (value instanceof Error) return value.message;
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
}

function jsonLine(record: object): string {
  return JSON.stringify(record, (_, value) => {
    if (value instanceof Error) return { name: value.name, message: value.message, stack: value.stack };
    return typeof value === 'bigint' ? Number(value) : value;
  });
}
