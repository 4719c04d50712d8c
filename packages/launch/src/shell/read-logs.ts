import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { namedLine } from '../core/named-line.js';
import type { PreparedLaunch } from './launch.js';
import { outputOf } from './processes.js';

/** What every process of a launch has said, process by process. @throws GantryError GANTRY_LAUNCH_FAILED */
export async function* readLogs({ plan, folder }: PreparedLaunch): AsyncGenerator<{ name: string; line: string }> {
  if (plan.kind === 'submitted') {
    for (const line of (await outputOf(plan.logs)).split('\n')) if (line !== '') yield namedLine(line);
    return;
  }
  if (!existsSync(folder.logs)) return;
  for (const file of readdirSync(folder.logs).sort()) {
    const input = createReadStream(join(folder.logs, file), 'utf8');
    for await (const line of createInterface({ input })) yield { name: file.replace(/\.log$/, ''), line };
  }
}
