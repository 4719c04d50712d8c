import type { Reporter } from './reporter.js';

/** JSON lines for machines, a bar on a terminal, plain lines elsewhere. */
export async function createReporter(options: { json: boolean }): Promise<Reporter> {
  if (options.json) return (await import('./json-reporter.js')).createJsonReporter();
  if (process.stderr.isTTY === true) return (await import('./bar-reporter.js')).createBarReporter();
  return (await import('./plain-reporter.js')).createPlainReporter();
}
