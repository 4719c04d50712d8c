import { GANTRY_VERSION } from '@gantry/common';
import type { ClusterFinding, ClusterReport, NetworkMatrix } from '@gantry/launch';
import { table } from '../formats/table.js';
import { useColour } from '../print-error.js';
import { presetSettings } from '../run-config.js';
import { launchCommand } from '../worker-command.js';
import { MARKS } from './marks.js';

/** `gantry doctor --cluster FILE`. @returns the exit code: 1 where something stands in the way of a launch */
export async function doctorOfCluster(file: string, json: boolean): Promise<number> {
  const { checkCluster, readCluster } = await import('@gantry/launch');
  const report = await checkCluster(await readCluster(file, presetSettings()), {
    command: launchCommand(),
    version: GANTRY_VERSION,
  });
  const sound = report.findings.every(({ state }) => state !== 'problem');
  const text = json ? JSON.stringify({ event: 'doctor', sound, ...report }) : asText(report);
  process.stdout.write(`${text}\n`);
  return sound ? 0 : 1;
}

function asText({ findings, network }: ClusterReport): string {
  const matrix = network === null ? [] : ['', ...matrixOf(network)];
  return [...findings.flatMap(linesOf(findings)), ...matrix].join('\n');
}

function linesOf(all: readonly ClusterFinding[]): (finding: ClusterFinding) => string[] {
  const colour = useColour(process.stdout);
  const width = (of: (finding: ClusterFinding) => string): number => Math.max(...all.map((one) => of(one).length));
  const [wide, deep] = [width(({ where }) => where), width(({ what }) => what)];
  return ({ where, what, state, value, remedy }) => {
    const [mark, code] = MARKS[state];
    const shown = colour ? `\u001b[${code}m${mark}\u001b[0m` : mark;
    const line = `${shown} ${where.padEnd(wide)}  ${what.padEnd(deep)}  ${value}`;
    return remedy === '' ? [line] : [line, `  ${' '.repeat(wide + deep + 2)}  → ${remedy}`];
  };
}

/** From the machine at the left to the one above. */
function matrixOf({ names, paths }: NetworkMatrix): string[] {
  const rows = paths.map((row, from) => [
    names[from]!,
    ...row.map((path) => {
      if (path === null) return '–';
      if (typeof path === 'string') return 'no way';
      return `${path.latencyMs.toFixed(2)} ms, ${Math.round(path.megabitsPerSecond).toLocaleString('en')} Mbit/s`;
    }),
  ]);
  return [table(['from \\ to', ...names], rows)];
}

/** `gantry doctor --listen PORT`: until standard input ends. */
export async function listenUntilEof(port: number): Promise<number> {
  const { listenForProbes } = await import('@gantry/launch');
  const listener = await listenForProbes(port);
  process.stdout.write(`${JSON.stringify({ event: 'listening', port: listener.port })}\n`);
  await new Promise((resolve) => process.stdin.on('end', resolve).on('error', resolve).resume());
  listener.close();
  return 0;
}

/** `gantry doctor --probe A:1,B:2`: one line each, also for those that cannot be reached. */
export async function probeAll(endpoints: readonly { host: string; port: number }[]): Promise<number> {
  const { probe } = await import('@gantry/launch');
  for (const { host, port } of endpoints) {
    const result = await probe(host, port).catch((error: Error) => ({ error: error.message }));
    process.stdout.write(`${JSON.stringify({ event: 'probe', host, port, ...result })}\n`);
  }
  return 0;
}
