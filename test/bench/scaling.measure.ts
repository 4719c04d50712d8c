import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Topology } from '@gantry/common';
import { afterAll, expect, it } from 'vitest';
import { Network, namespacesProblem, removeStaleNamespaces } from '../support/namespaces.js';
import { publish, round, table } from './document.mjs';
import { GIGABIT, type Link, median, timesBetween, UNLIMITED, withLink } from './hosts.js';
import { gantryTrain } from './measure.mjs';
import { type Costs, errorsOf, fitCosts, type Measured, needsOf } from './scaling-model.js';
import { drawScaling, type Scaling, scalingOf } from './scaling-plot.js';

// `npm run bench -- scaling [--rounds N] [--write]`: the all-reduce between two to four hosts (network namespaces) and the
// parts of a training step are measured, a model is fitted, and the step on up to 1,024 hosts follows from it.
const ROUNDS = Number(process.env.GANTRY_BENCH_ROUNDS ?? 3);
const DOCS = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'docs');
const SIZES = [4_096, 131_072, 1_048_576, 4_194_304, 16_777_216];
/** The model is fitted to these, and has to tell the others. */
const FITTED = [
  { topology: 'direct', hosts: 2 },
  { topology: 'direct', hosts: 3 },
  { topology: 'halving', hosts: 3 },
  { topology: 'star', hosts: 2 },
] as const;
const TOLD = [
  { topology: 'direct', hosts: 4 },
  { topology: 'halving', hosts: 4 },
  { topology: 'star', hosts: 3 },
] as const;
const HOSTS_MAX = 4;
const BATCHES = [16, 64, 256];

type Case = { readonly topology: Topology; readonly hosts: number };
type Row = Measured & Case & { readonly bytes: number };

const problem = namespacesProblem();
removeStaleNamespaces();
const network = problem === '' ? new Network(HOSTS_MAX) : null;
afterAll(() => network?.remove());

async function measureAll(cases: readonly Case[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { topology, hosts } of cases) {
    const rounds: number[][] = [];
    for (let index = 0; index < ROUNDS; index++) {
      const times = await timesBetween(network!, { workers: hosts, bytes: SIZES, topology });
      rounds.push(times.map(({ msMedian }) => msMedian));
    }
    SIZES.forEach((bytes, size) => {
      const ms = median(rounds.map((times) => times[size]!));
      rows.push({ topology, hosts, bytes, ms, needs: needsOf(topology, hosts, bytes) });
    });
    process.stderr.write(
      `${topology}, ${hosts} hosts: ${rows
        .slice(-SIZES.length)
        .map(({ ms }) => round(ms))
        .join(' ')} ms\n`,
    );
  }
  return rows;
}

/** One worker's step: what grows with the batch, and what does not. */
function measureStep(): Scaling['step'] {
  const told = BATCHES.map((batch) => {
    const { phaseMs } = gantryTrain({ workers: 1, batch, steps: 150, preset: 'mlp' });
    return { batch, varying: phaseMs.load + phaseMs.compute, update: phaseMs.update };
  });
  const [small, large] = [told[0]!, told.at(-1)!];
  const msPerImage = (large.varying - small.varying) / (large.batch - small.batch);
  return {
    msPerImage,
    msFixed: Math.max(0, small.varying - msPerImage * small.batch),
    msUpdate: median(told.map(({ update }) => update)),
  };
}

function describeFit(link: Link, costs: Costs, fitted: readonly Row[], told: readonly Row[]): (string | number)[] {
  const percent = (errors: readonly number[], part: number): string =>
    `${round(100 * errors[Math.floor(part * (errors.length - 1))]!, 0)} %`;
  const [own, others] = [errorsOf(fitted, costs), errorsOf(told, costs)];
  const speed = costs.byteMs === 0 ? '–' : round((8 / costs.byteMs) * 1e-6);
  return [
    link.name,
    round(costs.roundMs, 3),
    round(costs.frameMs, 3),
    speed,
    percent(own, 0.5),
    percent(others, 0.5),
    percent(others, 1),
  ];
}

it.skipIf(problem !== '')(
  `how training scales${problem === '' ? '' : ` (skipped: ${problem})`}`,
  async () => {
    const step = measureStep();
    const fits: (string | number)[][] = [];
    const rows: (string | number)[][] = [];
    const costs = new Map<Link, Costs>();
    for (const link of [GIGABIT, UNLIMITED]) {
      const [fitted, told] = await withLink(network!, HOSTS_MAX, link, async () => [
        await measureAll(FITTED),
        await measureAll(TOLD),
      ]);
      const found = fitCosts(fitted!);
      costs.set(link, found);
      fits.push(describeFit(link, found, fitted!, told!));
      rows.push(...[...fitted!, ...told!].map((one) => measuredRow(link, one, found, told!.includes(one))));
    }
    const scaling = scalingOf(step, costs.get(UNLIMITED)!);
    const sections = {
      fit: table(
        [
          'link',
          'ms a round',
          'ms a frame',
          'Gbit/s',
          'error where fitted, median',
          'where told, median',
          'where told, largest',
        ],
        fits,
      ),
      step: table(
        ['ms an image', 'ms a step, fixed', 'ms a step, update'],
        [[step.msPerImage, step.msFixed, step.msUpdate].map((ms) => round(ms, 3))],
      ),
      measured: table(['link', 'topology', 'hosts', 'bytes', 'measured ms', 'model ms', 'used for'], rows),
      curve: table(scaling.head, scaling.rows),
    };
    const write = process.env.GANTRY_BENCH_WRITE === '1';
    publish(sections, ROUNDS, write, 'scaling.md');
    if (write) writeFileSync(join(DOCS, 'images', 'scaling.svg'), drawScaling(scaling));
    expect(fits).toHaveLength(2);
  },
  3_600_000,
);

function measuredRow(link: Link, row: Row, costs: Costs, isTold: boolean): (string | number)[] {
  const { topology, hosts, bytes, ms, needs } = row;
  const told = needs.rounds * costs.roundMs + needs.frames * costs.frameMs + needs.bytes * costs.byteMs;
  return [link.name, topology, hosts, bytes, round(ms), round(told), isTold ? 'test' : 'fit'];
}
