import { isGiven, textOf, usage, wholeOf } from '../arguments.js';
import type { Args, Command } from '../command.js';
import type { Finding } from '../doctor/finding.js';
import { MARKS } from '../doctor/marks.js';
import { useColour } from '../print-error.js';

export const doctor: Command = {
  name: 'doctor',
  summary: 'What this machine has, lacks, and would use',
  options: ['json', 'cluster', 'listen', 'probe'],
  examples: [
    [
      'doctor --cluster cluster.yaml',
      'Every machine of a cluster, its version and clock, the keys, and all ways between them',
    ],
    ['doctor', 'Each thing that is missing, with the command that mends it'],
    ['doctor --json', 'The same as one JSON object'],
  ],
  async run(args) {
    const elsewhere = await doctorOfOthers(args);
    if (elsewhere !== null) return elsewhere;
    const { checkMachine } = await import('../doctor/machine.js');
    const { checkAdapters, checkDevices, checkImages, checkOptionalPackages, checkSharedMemory } = await import(
      '../doctor/parts.js'
    );
    const { guarded } = await import('../doctor/finding.js');
    const findings: Finding[] = await checkMachine(process.cwd());
    findings.push(await checkSharedMemory(), checkAdapters());
    try {
      findings.push(...(await checkDevices()));
    } catch (error) {
      findings.push(await guarded('devices', 'npm ci', () => Promise.reject(error)));
    }
    findings.push(await checkImages(), ...checkOptionalPackages());
    const use = whatIsUsed(findings);
    const sound = findings.every(({ state }) => state !== 'problem');
    if (isGiven(args, 'json')) process.stdout.write(`${JSON.stringify({ event: 'doctor', sound, use, findings })}\n`);
    else process.stdout.write(`${asText(findings, use)}\n`);
    return sound ? 0 : 1;
  },
};

/** What is not about this machine alone; null: nothing of it was asked for. */
async function doctorOfOthers(args: Args): Promise<number | null> {
  const file = textOf(args, 'cluster');
  const port = wholeOf(args, 'listen', { min: 0, max: 65_535 });
  const targets = textOf(args, 'probe');
  if (file === undefined && port === undefined && targets === undefined) return null;
  const { doctorOfCluster, listenUntilEof, probeAll } = await import('../doctor/cluster.js');
  if (file !== undefined) return doctorOfCluster(file, isGiven(args, 'json'));
  if (port !== undefined) return listenUntilEof(port);
  return probeAll(targets!.split(',').map(endpointOf));
}

function endpointOf(text: string): { host: string; port: number } {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined) usage(`--probe ${text}: expected HOST:PORT`);
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

/** What `gantry train` would take without further flags. */
function whatIsUsed(findings: readonly Finding[]): Record<string, string | number> {
  const works = (name: string): boolean =>
    findings.some((finding) => finding.name === name && finding.state !== 'problem');
  // listDevices tries accelerators in the order of `auto`, cpu last.
  const device = findings.find(({ name, state }) => name.startsWith('device ') && state === 'ok');
  const workers = 2;
  return {
    engine: 'onnx',
    device: device?.name.slice('device '.length) ?? 'none',
    workers,
    threads: 1,
    transport: process.platform === 'linux' && works('shared memory') ? 'shm' : 'tcp',
  };
}

function asText(findings: readonly Finding[], use: Record<string, string | number>): string {
  const colour = useColour(process.stdout);
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.flatMap(({ name, state, value, remedy }) => {
    const [mark, code] = MARKS[state];
    const shown = colour ? `\u001b[${code}m${mark}\u001b[0m` : mark;
    const line = `${shown} ${name.padEnd(width)}  ${value}`;
    return remedy === '' ? [line] : [line, `  ${' '.repeat(width)}  → ${remedy}`];
  });
  const used = Object.entries(use).map(([key, value]) => `${key} ${value}`);
  return [...lines, '', `gantry train would use: ${used.join(', ')}`].join('\n');
}
