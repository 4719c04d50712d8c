import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AllreduceBenchOptions } from '@gantry/collective';
import { afterAll, expect, it } from 'vitest';
import { Network, namespacesProblem, removeStaleNamespaces } from '../support/namespaces.js';
import { publish, round, table } from './document.mjs';
import { GIGABIT, median, timesBetween, UNLIMITED, withLink } from './hosts.js';

// `npm run bench -- network [--rounds N] [--write]`: the all-reduce of two hosts, beside Gloo on the same two. They are
// network namespaces with a link between them, as fast as it comes and limited.
const ROUNDS = Number(process.env.GANTRY_BENCH_ROUNDS ?? 3);
const SIZES = [2_240_516, 16_777_216, 67_108_864];
const LINKS = [GIGABIT, UNLIMITED];
const PYTHON = process.env.GANTRY_BENCH_PYTHON ?? (existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3');
const GLOO_SCRIPT = join(dirname(fileURLToPath(import.meta.url)), 'peers', 'allreduce_gloo.py');
const PORT = 29_500;
/**
 * Before every timed round, whoever is timed: the burst of a limited link is saved up again, which takes 4 ms. Otherwise who
 * takes longer between two rounds (Gloo's barrier goes over the link, ours does not) sends more of the next one for nothing.
 */
const PAUSE_MS = 10;

const GLOO = 'Gloo fp32';
type Own = Pick<AllreduceBenchOptions, 'wire' | 'encrypted'>;
/** Timed until the partials may be written again, as Gloo's may when its call returns. */
const OWN: Readonly<Record<string, Own>> = {
  fp32: { wire: 'fp32', encrypted: false },
  bf16: { wire: 'bf16', encrypted: false },
  'fp32 with CURVE': { wire: 'fp32', encrypted: true },
  'bf16 with CURVE': { wire: 'bf16', encrypted: true },
};

/** The same rounds, until the sum could be read. */
const readable = (name: string): string => `${name}, sum readable`;
const CONTENDERS = [...Object.keys(OWN), readable('fp32'), readable('bf16')];

const problem = namespacesProblem();
removeStaleNamespaces();
const network = problem === '' ? new Network(2) : null;
afterAll(() => network?.remove());
let ports = 0;

async function glooTimes(net: Network): Promise<number[]> {
  const port = PORT + ports++;
  const outputs = await Promise.all(
    [0, 1].map((rank) => {
      const where = ['--ranks', 2, '--rank', rank, '--master', net.address(0), '--port', port];
      const args = [...where, '--pause', PAUSE_MS, '--bytes', ...SIZES];
      return output([...net.within(rank), PYTHON, GLOO_SCRIPT, ...args.map(String)]);
    }),
  );
  const rows = outputs[0]!.split('\n').filter((line) => line.startsWith('{'));
  return rows.map((line) => (JSON.parse(line) as { ms_median: number }).ms_median);
}

function output([program, ...args]: readonly string[]): Promise<string> {
  // The interface by which the hosts see one another; its own name is that of the machine, which is another's address.
  const env = { ...process.env, GLOO_SOCKET_IFNAME: 'net', OPENBLAS_NUM_THREADS: '1', OMP_NUM_THREADS: '1' };
  const child = spawn(program!, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('close', (code) => (code === 0 ? resolve(text) : reject(new Error(`${program} ended with ${code}`))));
  });
}

/** By contender, by round, by size. */
async function measure(link: string): Promise<Map<string, number[][]>> {
  const times = new Map<string, number[][]>();
  const add = (name: string, measured: number[]): void => {
    times.set(name, [...(times.get(name) ?? []), measured]);
    process.stderr.write(`${link}, ${name}: ${measured.map((ms) => round(ms)).join(' ')} ms\n`);
  };
  const addOwn = async (name: string, how: Own): Promise<void> => {
    const rows = await timesBetween(network!, { workers: 2, bytes: SIZES, pauseMs: PAUSE_MS, ...how });
    add(
      name,
      rows.map(({ msMedian }) => msMedian),
    );
    add(
      readable(name),
      rows.map(({ msReadable }) => msReadable),
    );
  };
  for (let index = 0; index < ROUNDS; index++) {
    for (const [name, how] of Object.entries(OWN)) await addOwn(name, how);
    add(GLOO, await glooTimes(network!));
  }
  return times;
}

it.skipIf(problem !== '')(
  `the all-reduce of two hosts${problem === '' ? '' : ` (skipped: ${problem})`}`,
  async () => {
    const rows: (string | number)[][] = [];
    for (const link of LINKS) {
      const times = await withLink(network!, 2, link, () => measure(link.name));
      rows.push(...SIZES.map((bytes, size) => row(link.name, bytes, size, times)));
    }
    const head = [
      'link',
      'bytes',
      ...CONTENDERS.map((name) => `${name} ms`),
      `${GLOO} ms`,
      ...CONTENDERS.map((name) => `Gloo ÷ ${name}`),
    ];
    publish({ network: table(head, rows) }, ROUNDS, process.env.GANTRY_BENCH_WRITE === '1');
    expect(rows).toHaveLength(LINKS.length * SIZES.length);
  },
  3_600_000,
);

function row(link: string, bytes: number, size: number, times: ReadonlyMap<string, number[][]>): (string | number)[] {
  const of = (name: string): number[] => times.get(name)!.map((measured) => measured[size]!);
  const gloo = of(GLOO);
  const ratios = CONTENDERS.map((name) => round(median(of(name).map((ms, index) => gloo[index]! / ms))));
  return [link, bytes, ...CONTENDERS.map((name) => round(median(of(name)))), round(median(gloo)), ...ratios];
}
