import { expect, it } from 'vitest';
import { ContainerCluster } from '../support/container-cluster.js';
import { type Docker, openDocker, skipReason } from '../support/docker.js';
import { buildImage, inspectImage } from '../support/docker-image.js';
import { doneOf, gantry, trainArguments, Workspace } from '../support/gantry.js';
import { publish, round, table } from './document.mjs';
import { median } from './hosts.js';

// `npm run bench -- containers [--rounds N] [--write]`: four workers in containers, each with an address and keys, beside four
// local processes. Round by round in turn; the machine should be idle.
const ROUNDS = Number(process.env.GANTRY_BENCH_ROUNDS ?? 3);
const NAMES = ['w-1', 'w-2', 'w-3', 'w-4'];
const BATCHES = [128, 512];
const STEPS = 200;
const HOURS_MS = 3_600_000;
/** Local workers that share memory, local ones that do not, as between containers, and the containers. */
const CONTENDERS = ['processes, shm', 'processes, tcp', 'containers'] as const;
type Contender = (typeof CONTENDERS)[number];

const docker = await openDocker();

it.skipIf(docker.problem !== '')(
  `four containers beside four processes${skipReason(docker)}`,
  async () => {
    try {
      await measureAll(docker);
    } finally {
      await docker.stop();
    }
  },
  HOURS_MS,
);

async function measureAll(available: Docker): Promise<void> {
  const image = await buildImage(available);
  process.stderr.write(`image: ${round((await inspectImage(available, image)).Size / 1e6, 0)} MB\n`);
  const rows: (string | number)[][] = [];
  for (const batch of BATCHES) {
    const speeds = new Map<Contender, number[]>(CONTENDERS.map((name) => [name, []]));
    for (let index = 0; index < ROUNDS; index++) {
      for (const name of CONTENDERS) {
        const speed = await imagesPerSecond(name, batch, image);
        speeds.get(name)!.push(speed);
        process.stderr.write(`batch ${batch}, ${name}: ${round(speed, 0)} images/s\n`);
      }
    }
    const [, tcp, containers] = CONTENDERS.map((name) => speeds.get(name)!) as [number[], number[], number[]];
    const ratio = median(containers.map((speed, index) => speed / tcp[index]!));
    rows.push([batch, ...CONTENDERS.map((name) => round(median(speeds.get(name)!), 0)), round(ratio)]);
  }
  const head = ['global batch', ...CONTENDERS.map((name) => `${name}: images/s`), 'containers ÷ tcp'];
  publish({ containers: table(head, rows) }, ROUNDS, process.env.GANTRY_BENCH_WRITE === '1', 'docker.md');
  expect(rows).toHaveLength(BATCHES.length);
}

async function imagesPerSecond(contender: Contender, batch: number, image: string): Promise<number> {
  const settings = { preset: 'mlp-plain', updates: 'alternating', workers: NAMES.length, steps: STEPS, batch };
  if (contender === 'containers') return ofContainers(settings, image);
  const work = new Workspace();
  try {
    const transport = contender === 'processes, shm' ? 'shm' : 'tcp';
    return doneOf(await gantry(trainArguments(work.run(), { ...settings, transport }))).imagesPerSecond as number;
  } finally {
    work.remove();
  }
}

async function ofContainers(settings: Readonly<Record<string, string | number>>, image: string): Promise<number> {
  const cluster = await ContainerCluster.create(image, NAMES);
  try {
    const coordinator = await cluster.coordinator(settings);
    for (const name of NAMES) await cluster.worker({ name });
    return doneOf(await coordinator.finished).imagesPerSecond as number;
  } finally {
    await cluster.remove();
  }
}
