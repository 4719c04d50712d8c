import { expect, it } from 'vitest';
import { ContainerCluster } from '../support/container-cluster.js';
import { openDocker, skipReason } from '../support/docker.js';
import { buildImage } from '../support/docker-image.js';
import { doneOf } from '../support/gantry.js';
import { publish, round, table } from './document.mjs';
import { median } from './hosts.js';
import { stepEnds } from './step-ends.js';

// `npm run bench -- streaming [--rounds N] [--write]`: what it costs four fresh containers, each with an address of its own, that their
// data comes from the coordinator: pairs of runs in turn, images a second after the first epoch. The machine should be idle.
const ROUNDS = Number(process.env.GANTRY_BENCH_ROUNDS ?? 3);
const NAMES = ['w-1', 'w-2', 'w-3', 'w-4'];
const BATCH = 128;
const EPOCH_STEPS = Math.ceil(60_000 / BATCH);
/** The second epoch, without its first steps. */
const [FROM, TO] = [EPOCH_STEPS + 20, 2 * EPOCH_STEPS];
const HOURS_MS = 3_600_000;
const MODES = ['local', 'stream'] as const;
type Mode = (typeof MODES)[number];

const docker = await openDocker();

it.skipIf(docker.problem !== '')(
  `data that is streamed beside data in the image${skipReason(docker)}`,
  async () => {
    const speeds: Record<Mode, number[]> = { local: [], stream: [] };
    try {
      const image = await buildImage(docker);
      for (let index = 0; index < ROUNDS; index++) {
        // In turn, who comes first too: what drifts harms neither.
        for (const mode of index % 2 === 0 ? MODES : [...MODES].reverse()) {
          const speed = await imagesPerSecond(image, mode);
          speeds[mode].push(speed);
          process.stderr.write(`${mode}: ${round(speed, 0)} images/s\n`);
        }
      }
    } finally {
      await docker.stop();
    }
    const ratios = speeds.stream.map((speed, index) => speed / speeds.local[index]!);
    const range = `${round(Math.min(...ratios))} to ${round(Math.max(...ratios))}`;
    const cells = [round(median(speeds.local), 0), round(median(speeds.stream), 0), round(median(ratios)), range];
    const head = ['in the image: images/s', 'streamed: images/s', 'streamed ÷ in the image', 'of the pairs'];
    publish({ streaming: table(head, [cells]) }, ROUNDS, process.env.GANTRY_BENCH_WRITE === '1');
    expect(ratios).toHaveLength(ROUNDS);
  },
  5 * HOURS_MS,
);

async function imagesPerSecond(image: string, mode: Mode): Promise<number> {
  const cluster = await ContainerCluster.create(image, NAMES);
  try {
    const settings = { preset: 'mlp-plain', workers: NAMES.length, steps: TO, batch: BATCH };
    const coordinator = await cluster.coordinator(settings);
    for (const name of NAMES) await cluster.worker({ name, env: { GANTRY_DATA: mode } });
    const finished = await coordinator.finished;
    doneOf(finished);
    const streaming = finished.events.filter(({ event }) => event === 'data-streamed');
    expect(streaming).toHaveLength(mode === 'stream' ? NAMES.length : 0);
    const ends = stepEnds(cluster.runDirectory);
    return ((TO - FROM) * BATCH * 1000) / (ends[TO - 1]! - ends[FROM - 1]!);
  } finally {
    await cluster.remove();
  }
}
