import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Unix times in milliseconds at which the steps of a run ended, in the order of the steps, from its metrics.jsonl. */
export function stepEnds(runDirectory: string): number[] {
  const rows = readFileSync(join(runDirectory, 'metrics.jsonl'), 'utf8').trim().split('\n');
  return rows.map((row) => (JSON.parse(row) as { endedMs: number }).endedMs);
}

/** The longest time in milliseconds between the ends of two steps, of which the later one lies in between. */
export function longestGap(ends: readonly number[], fromMs: number, toMs: number): number {
  const gaps = ends.slice(1).map((end, index) => (end >= fromMs && end <= toMs ? end - ends[index]! : 0));
  return Math.max(0, ...gaps);
}

/** The run directory somewhere below a folder. */
export function runBelow(folder: string): string {
  const below = readdirSync(folder, { recursive: true, withFileTypes: true });
  const found = below.find((entry) => entry.isFile() && entry.name === 'metrics.jsonl');
  if (found === undefined) throw new Error(`no run below ${folder}`);
  return found.parentPath;
}
