import type { Reporter } from './reporter.js';

/** One event a line on standard output, and nothing else there; notes go to stderr. */
export function createJsonReporter(): Reporter {
  return {
    showsErrors: true,
    event: (event) => void process.stdout.write(`${JSON.stringify(event)}\n`),
    note: (text) => void process.stderr.write(`${text}\n`),
    close() {},
  };
}
