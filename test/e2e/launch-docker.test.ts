import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { outputOf } from '../support/command.js';
import { giveTo } from '../support/container-cluster.js';
import { USER } from '../support/containers.js';
import { packagesProblem } from '../support/debian-packages.js';
import { openDocker, skipReason } from '../support/docker.js';
import { buildImage } from '../support/docker-image.js';
import { doneOf, GantryProcess, gantry, onlyErrorOf, trainArguments, Workspace } from '../support/gantry.js';
import { SmallDisk } from '../support/scarcity.js';

// `gantry launch` with launcher docker, from the example in deploy/docker, with folders of its own.
const EXAMPLE = fileURLToPath(new URL('../../deploy/docker/cluster.yaml', import.meta.url));
const BUILD_MS = 900_000;
const RUN_MS = 400_000;
const PROJECT = `gantry-${process.pid}`;

const docker = await openDocker();
const problem =
  docker.problem === '' && docker.isOwn
    ? packagesProblem({ programs: ['docker-compose'], packages: ['docker-compose'] })
    : docker.problem;
const work = new Workspace();

describe.skipIf(problem !== '')(`gantry launch, launcher docker${skipReason({ ...docker, problem })}`, () => {
  let image: string;
  let keys: string;

  beforeAll(async () => {
    image = await buildImage(docker);
    keys = join(work.path, 'keys');
    await gantry(['keygen', '--out', keys, '--workers', '4']);
    giveTo(USER, keys);
    // What containers are shown lies below it.
    chmodSync(work.path, 0o755);
  }, BUILD_MS);

  afterAll(async () => {
    const left = await containers();
    work.remove();
    await docker.stop();
    expect(left).toEqual([]);
  });

  const containers = async (): Promise<string[]> =>
    (await outputOf('docker', ['ps', '--all', '--filter', `name=${PROJECT}`, '--format', '{{.Names}} {{.State}}']))
      .split('\n')
      .filter((line) => line !== '')
      .sort();

  /** The example with small steps; every one of this file has the same name, as they run one after the other. */
  function cluster(
    settings: Record<string, unknown> = {},
    run: Record<string, unknown> = {},
  ): { file: string; out: string } {
    const out = work.run();
    const file = `${out}.yaml`;
    const example = parse(readFileSync(EXAMPLE, 'utf8')) as Record<string, unknown>;
    const small = { dataset: 'mnist', shards: 4, batch: 16, steps: 150, seed: 7, sampleEvery: 0, ...run };
    writeFileSync(file, stringify({ ...example, name: PROJECT, image, keys, out, run: small, ...settings }));
    return { file, out };
  }

  const bits = async (steps: number): Promise<unknown> =>
    doneOf(await gantry(trainArguments(work.run(), { workers: 1, steps }))).stateSha256;

  it(
    'trains to the bits of one process, and leaves no container',
    async () => {
      const { file, out } = cluster();
      const done = doneOf(await gantry(['launch', '-f', file, '--json'], {}, { hangMs: RUN_MS }));
      expect(done.stateSha256).toBe(await bits(150));
      expect(await containers()).toEqual([]);
      expect(existsSync(join(out, 'checkpoints', 'step-000150', 'state.safetensors'))).toBe(true);
    },
    RUN_MS,
  );

  it(
    'is scaled 2 to 4 to 1, stopped, and goes on, in the same bits',
    async () => {
      const { file } = cluster({}, { steps: 1200 });
      const first = new GantryProcess(['launch', '-f', file, '--json'], {}, { hangMs: RUN_MS });
      const members = (): number =>
        ((first.events.findLast(({ event }) => event === 'ready')?.members ?? []) as unknown[]).length;
      await first.untilStep(10);
      expect((await gantry(['launch', 'scale', '4', '-f', file])).code).toBe(0);
      await first.until(({ event }) => event === 'ready' && members() === 4);
      expect((await gantry(['launch', 'status', '-f', file])).stdout).toMatch(/docker, 4 workers[\s\S]*worker-3/);
      // Its container's log goes with it.
      expect((await gantry(['launch', 'logs', '-f', file])).stdout).toMatch(/worker-3 .*warmed up/);
      expect((await gantry(['launch', 'scale', '1', '-f', file])).code).toBe(0);
      await first.until(({ event }) => event === 'ready' && members() === 1);
      expect(first.events.filter(({ event }) => event === 'worker-lost')).toEqual([]);
      expect((await gantry(['launch', 'stop', '-f', file], {}, { hangMs: RUN_MS })).code).toBe(0);
      expect(doneOf(await first.finished).interrupted).toBe(true);
      expect(await containers()).toEqual([]);
      const again = doneOf(await gantry(['launch', '-f', file, '--json'], {}, { hangMs: RUN_MS }));
      expect(again.stateSha256).toBe(await bits(1200));
    },
    RUN_MS,
  );

  it(
    'leaves no container when the launcher is killed',
    async () => {
      const { file } = cluster({}, { steps: 1_000_000 });
      const run = new GantryProcess(['launch', '-f', file, '--json'], {}, { hangMs: RUN_MS });
      await run.untilStep(5);
      expect((await containers()).length).toBe(3);
      run.child.kill('SIGKILL');
      await run.finished;
      await expect.poll(containers, { timeout: 120_000 }).toEqual([]);
    },
    RUN_MS,
  );

  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      'an image that is not there',
      { image: 'gantry:none' },
      /image gantry:none: .*No such image.*docker build -t gantry:none/,
    ],
    [
      'more workers than keys',
      { workers: 5, run: { shards: 8, batch: 16 } },
      /has keys for 4 workers, and 5 are wanted: npx gantry keygen --add --out .* --worker worker-4/,
    ],
    ['no keys', { keys: 'nowhere' }, /nowhere holds no keys.*gantry keygen --out/],
  ])('is refused with %s, in one message, and starts nothing', async (_, settings, expected) => {
    const { file } = cluster(settings);
    const refused = await gantry(['launch', '-f', file, '--json']);
    expect(refused.code).toBe(1);
    expect(onlyErrorOf(refused).message).toMatch(expected);
    expect(await containers()).toEqual([]);
  });

  it('says that the daemon cannot be reached, and nothing else', async () => {
    const { file, out } = cluster();
    const refused = await gantry(['launch', '-f', file, '--json'], { DOCKER_HOST: 'tcp://127.0.0.1:1' });
    const { code, message } = onlyErrorOf(refused);
    expect(code).toBe('GANTRY_LAUNCH_FAILED');
    expect(message).toMatch(/Docker answers: .*tcp:\/\/127\.0\.0\.1:1.* Start the Docker daemon/);
    expect(message).not.toMatch(/image/);
    expect(existsSync(`${out}.launch`)).toBe(false);
  });

  /** The launcher gives it to the user of the containers, which only root can. */
  const disk = process.getuid?.() === 0 ? SmallDisk.mount(join(work.path, 'disk'), 64) : null;
  afterAll(() => disk?.unmount());

  it.skipIf(disk === null)(
    'says that the disk has become full, and leaves no container; with room it goes on',
    async () => {
      const out = join(disk!.path, 'run');
      const { file } = cluster({ out }, { steps: 1_000_000, checkpointEvery: 20 });
      const run = new GantryProcess(['launch', '-f', file, '--json'], {}, { hangMs: RUN_MS });
      await run.until(({ event }) => event === 'checkpoint');
      disk!.fill();
      expect(onlyErrorOf(await run.finished)).toMatchObject({
        code: 'GANTRY_DISK_FULL',
        message: expect.stringMatching(/no room to write .*free some space/),
      });
      expect(await containers()).toEqual([]);
      // The containers' own are gone with them.
      expect(readFileSync(join(`${out}.launch`, 'logs', 'coordinator.log'), 'utf8')).toMatch(/GANTRY_DISK_FULL/);
      disk!.empty();
      const again = new GantryProcess(['launch', '-f', file, '--json'], {}, { hangMs: RUN_MS });
      const { fromStep } = await again.until(({ event }) => event === 'start');
      expect(fromStep).toBeGreaterThanOrEqual(20);
      await again.until(({ event }) => event === 'progress');
      again.child.kill('SIGINT');
      await again.finished;
      expect(await containers()).toEqual([]);
    },
    RUN_MS,
  );

  it(
    'ends where a worker does not come before training has begun, and says which',
    async () => {
      const { file } = cluster();
      const run = new GantryProcess(['launch', '-f', file, '--json'], {}, { hangMs: RUN_MS });
      await run.until(({ event }) => event === 'start');
      // Docker starts nobody again who was killed by hand.
      await outputOf('docker', ['kill', `${PROJECT}-worker-1`]);
      expect(onlyErrorOf(await run.finished)).toMatchObject({
        code: 'GANTRY_LAUNCH_FAILED',
        message: expect.stringMatching(
          /training cannot begin: worker-1 ended with 137, and is not started again.*logs/,
        ),
      });
      expect(await containers()).toEqual([]);
    },
    RUN_MS,
  );

  it(
    'says what keeps the coordinator from starting',
    async () => {
      const { file } = cluster({}, { dataset: 'idx:/nowhere' });
      const failed = await gantry(['launch', '-f', file, '--json'], {}, { hangMs: RUN_MS });
      expect(failed.code).toBe(1);
      expect(failed.stdout + failed.stderr).toMatch(/\/nowhere/);
      expect(await containers()).toEqual([]);
    },
    RUN_MS,
  );
});
