import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { giveTo } from '../support/container-cluster.js';
import { USER } from '../support/containers.js';
import { openDocker } from '../support/docker.js';
import { buildImage } from '../support/docker-image.js';
import { gantry, Workspace } from '../support/gantry.js';
import { kubectlProblem } from '../support/kubectl.js';
import { ContainerRuntime } from '../support/kubernetes/container-runtime.js';
import { StandInKubernetes } from '../support/kubernetes/server.js';
import { exampleOf, GANTRY_COMMAND, Launch, untilMembers } from '../support/launch.js';
import { SlurmCluster, slurmProblem } from '../support/slurm.js';
import { SshHosts, sshProblem } from '../support/ssh-hosts.js';
import { publish, round, table } from './document.mjs';
import { median } from './hosts.js';
import { longestGap, runBelow, stepEnds } from './step-ends.js';

// `npm run bench -- launchers [--rounds N] [--write]`: with each launcher, how long it takes from the command to the first committed
// step, and for how long no step ends while the running job is scaled up and down. All of it on this machine, which should be idle.
const ROUNDS = Number(process.env.GANTRY_BENCH_ROUNDS ?? 3);
const HOURS_MS = 3_600_000;
/** How long a run is watched before it is scaled, and between one scaling and the next. */
const QUIET_MS = 3_000;
const RUN = { preset: 'mlp', shards: 4, steps: 1_000_000, checkpointEvery: 1_000 };
const LAUNCHERS = ['local', 'ssh', 'slurm', 'docker', 'kubernetes'] as const;
type Launcher = (typeof LAUNCHERS)[number];

/** Where a launcher's runs can be started. */
interface Ground {
  /** A cluster with two workers; how many it can be scaled to. */
  launch(index: number): Launch;
  readonly most: number;
  /** @default that of the launch */
  runDirectory?(): string;
  end(): Promise<void>;
}

interface Measured {
  /** From the command to the end of the first step. */
  readonly firstMs: number;
  /** Longest time without the end of a step: undisturbed, and while it was scaled. */
  readonly quietMs: number;
  readonly scalingMs: number;
}

const docker = await openDocker();
const problems: Record<Launcher, string> = {
  local: '',
  ssh: sshProblem(),
  slurm: slurmProblem(),
  docker: docker.problem,
  kubernetes: docker.problem || (await kubectlProblem()),
};
/** All that can run here, or those that GANTRY_BENCH_LAUNCHERS names. */
const chosen = LAUNCHERS.filter((name) => process.env.GANTRY_BENCH_LAUNCHERS?.split(' ').includes(name) ?? true);

it(
  'from the command to the first step, and while scaled',
  async () => {
    const rows: (string | number)[][] = [];
    try {
      for (const name of chosen) rows.push(problems[name] === '' ? await row(name) : [name, problems[name]]);
    } finally {
      await docker.stop();
    }
    const head = ['launcher', 'first step after, s', 'no step for, s: undisturbed', 'while scaled'];
    publish({ launchers: table(head, rows) }, ROUNDS, process.env.GANTRY_BENCH_WRITE === '1');
    expect(rows).toHaveLength(chosen.length);
  },
  5 * HOURS_MS,
);

async function row(name: Launcher): Promise<(string | number)[]> {
  const work = new Workspace();
  // What containers are shown lies below it.
  chmodSync(work.path, 0o755);
  const keys = join(work.path, 'keys');
  await gantry(['keygen', '--out', keys, '--workers', '4']);
  const ground = await GROUNDS[name](work, keys);
  try {
    const measured: Measured[] = [];
    for (let index = 0; index < ROUNDS; index++) {
      const one = await measure(ground, index);
      process.stderr.write(`${name}: ${JSON.stringify(one)}\n`);
      measured.push(one);
    }
    const column = (key: keyof Measured): string => round(median(measured.map((one) => one[key])) / 1000);
    return [`${name}, 2 → ${ground.most} → 1`, column('firstMs'), column('quietMs'), column('scalingMs')];
  } finally {
    await ground.end();
    work.remove();
  }
}

async function measure(ground: Ground, index: number): Promise<Measured> {
  const launch = ground.launch(index);
  const startedMs = Date.now();
  const run = launch.start();
  await run.untilStep(1);
  await sleep(QUIET_MS);
  const fromMs = Date.now();
  for (const count of [ground.most, 1]) {
    await launch.act('scale', String(count));
    await untilMembers(run, count);
    await sleep(QUIET_MS);
  }
  const toMs = Date.now();
  expect((await launch.act('stop')).code).toBe(0);
  await run.finished;
  expect(run.events.filter(({ event }) => event === 'worker-lost')).toEqual([]);
  const ends = stepEnds(ground.runDirectory?.() ?? launch.out);
  return {
    firstMs: ends[0]! - startedMs,
    quietMs: longestGap(ends, fromMs - QUIET_MS, fromMs),
    scalingMs: longestGap(ends, fromMs, toMs),
  };
}

const settingsOf = (launcher: Launcher) => ({
  ...exampleOf(launcher),
  name: `bench-${launcher}`,
  workers: 2,
  run: RUN,
});

const GROUNDS: Record<Launcher, (work: Workspace, keys: string) => Promise<Ground>> = {
  local: async (work) => ({
    launch: () => new Launch(work.run(), { ...settingsOf('local'), maxWorkers: 4 }, {}, { hangMs: HOURS_MS }),
    most: 4,
    end: async () => {},
  }),

  ssh: async (work, keys) => {
    const hosts = await SshHosts.start(3);
    const ssh = {
      hosts: hosts.machines.map(({ name: host }) => ({ host, command: GANTRY_COMMAND })),
      config: hosts.configFile,
    };
    const options = { within: hosts.within(), hangMs: HOURS_MS };
    return {
      launch: () => new Launch(work.run(), { ...settingsOf('ssh'), keys, ssh }, {}, options),
      most: 3,
      end: () => hosts.end(),
    };
  },

  slurm: async () => {
    const cluster = await SlurmCluster.start({ nodes: 3 });
    const keys = join(cluster.folder, 'keys');
    await gantry(['keygen', '--out', keys, '--workers', '4']);
    const slurm = { partition: 'train', command: GANTRY_COMMAND, nodes: 1 };
    const options = { within: cluster.within(), hangMs: HOURS_MS };
    const settings = { launcher: 'slurm', name: 'bench', workers: 2, run: RUN, keys, slurm };
    return {
      launch: (index) => new Launch(join(cluster.folder, `run-${index}`), settings, cluster.env, options),
      most: 4,
      end: () => cluster.end(),
    };
  },

  docker: async (work, keys) => {
    const image = await buildImage(docker);
    giveTo(USER, keys);
    return {
      launch: () => new Launch(work.run(), { ...settingsOf('docker'), image, keys }, {}, { hangMs: HOURS_MS }),
      most: 4,
      end: async () => {},
    };
  },

  kubernetes: async (work, keys) => {
    const runtime = await ContainerRuntime.create(await buildImage(docker));
    const cluster = await StandInKubernetes.start(runtime);
    const common = { launcher: 'kubernetes', workers: 2, minWorkers: 1, maxWorkers: 4, run: RUN, keys };
    const settings = { ...common, image: await buildImage(docker), resources: { sharedMemory: '128MiB' } };
    let newest = '';
    return {
      launch: (index) => {
        newest = `bench-${index}`;
        return new Launch(work.run(), { ...settings, name: newest, out: null }, cluster.env, { hangMs: HOURS_MS });
      },
      most: 4,
      // On the claim, of which each run has its own.
      runDirectory: () => runBelow(join(runtime.folder, `${newest}-runs`)),
      end: () => cluster.remove(),
    };
  },
};
