import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FLIGHT_SUFFIX } from '@gantry/coordinator';
import type { FlightDump } from '@gantry/worker';

/** The flight recorders that workers left in a run's logs folder, by worker. What cannot be read is left out. */
export async function readDumps(runDirectory: string): Promise<FlightDump[]> {
  const logs = join(runDirectory, 'logs');
  const names = (await readdir(logs).catch(() => [])).filter((name) => name.endsWith(FLIGHT_SUFFIX)).sort();
  const dumps = await Promise.all(names.map((name) => readDump(join(logs, name))));
  return dumps.filter((dump) => dump !== null);
}

async function readDump(path: string): Promise<FlightDump | null> {
  try {
    const dump = JSON.parse(await readFile(path, 'utf8')) as FlightDump;
    return typeof dump.worker === 'string' && Array.isArray(dump.records) ? dump : null;
  } catch {
    return null;
  }
}
