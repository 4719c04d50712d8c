import { command } from './command.js';

/** The first one that leaves it to the server to look at fields. */
const MINOR_MIN = 27;

/** Why there is no kubectl that tests can use; empty: there is one. */
export async function kubectlProblem(): Promise<string> {
  const { code, output } = await command('kubectl', ['version', '--client', '--output=json']);
  if (code !== 0) return 'there is no kubectl on PATH';
  const minor = Number(/"minor": "(\d+)/.exec(output)?.[1]);
  return minor >= MINOR_MIN ? '' : `kubectl is older than 1.${MINOR_MIN}`;
}
