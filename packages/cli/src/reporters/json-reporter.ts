import type { Reporter } from './reporter.js';

/** One event a line on standard output, and nothing else there; notes go to stderr. `elapsedMs` counts from the command's start. */
export function createJsonReporter(): Reporter {
  return {
    showsErrors: true,
    event(event) {
      const { event: name, ...fields } = event;
      // performance.now() counts from the start of the process.
      const line = { event: name, elapsedMs: Math.round(performance.now()), ...fields };
      process.stdout.write(`${JSON.stringify(line)}\n`);
    },
    note: (text) => void process.stderr.write(`${text}\n`),
    close() {},
  };
}
