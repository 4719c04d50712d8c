import { showHealth } from './health.js';
import { parseCommandLine } from './parse.js';
import { isJson, printError } from './print-error.js';

/** Runs one command line and sets the exit code: 0 done, 2 wrong usage or configuration, 1 any other failure. */
export async function main(argv: readonly string[]): Promise<void> {
  // A reader that leaves (`gantry train | head`) must not end the run with an exception.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  try {
    const invocation = await parseCommandLine(argv);
    if (invocation === undefined) return;
    showHealth(invocation.command.name);
    process.exitCode = await invocation.command.run(invocation.args);
  } catch (error) {
    process.exitCode = printError(error, { json: isJson(argv) });
  }
}
