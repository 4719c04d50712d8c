import { GANTRY_VERSION } from '@gantry/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ContainerCluster } from '../support/container-cluster.js';
import { leftOvers, type RunningContainer } from '../support/containers.js';
import { openDocker, skipReason } from '../support/docker.js';
import { buildImage, deriveImage, inspectImage } from '../support/docker-image.js';
import { doneOf, type Event, gantry, trainArguments, Workspace } from '../support/gantry.js';

// A coordinator and workers in containers, from the image that users build: whatever is done to the containers, the bits are
// those of one process.
const STEPS = 150;
/** Four workers and what else a busy machine does, on two cores. */
const RUN_MS = 400_000;
const NAMES = ['w-1', 'w-2', 'w-3', 'w-4'] as const;
type Name = (typeof NAMES)[number];
const STRANGER = 'stranger';
/** Debian is made, packages are installed, the image is built: at the first time. */
const BUILD_MS = 900_000;
const OTHER_VERSION = '0.0.7';
/** The line of the built code that says which version it is. */
const VERSION_FILE = '/gantry/packages/common/dist/protocol/constants.js';
const IMAGE_BYTES_MAX = 400e6;

const docker = await openDocker();
const work = new Workspace();

describe.skipIf(docker.problem !== '')(`containers${skipReason(docker)}`, () => {
  let image: string;

  beforeAll(async () => {
    image = await buildImage(docker);
  }, BUILD_MS);

  afterAll(async () => {
    work.remove();
    const left = await leftOvers().finally(() => docker.stop());
    expect(left).toEqual([]);
  });

  async function bitsOfOneProcess(steps: number): Promise<unknown> {
    return doneOf(await gantry(trainArguments(work.run(), { workers: 1, steps }))).stateSha256;
  }

  it('come from an image that is small, of nobody who is root, and says what it is', async () => {
    const { Size, Config } = await inspectImage(docker, image);
    expect(Size).toBeLessThan(IMAGE_BYTES_MAX);
    expect(Config.User).toBe('10001:10001');
    expect(Config.Labels['org.opencontainers.image.version']).toBe(GANTRY_VERSION);
    expect(Config.Healthcheck.Test).toEqual(['CMD', 'gantry', 'health']);
  });

  describe('four workers that nothing happens to', () => {
    let cluster: ContainerCluster;
    afterAll(() => cluster?.remove());

    it(
      'train to the bits of one process',
      async () => {
        cluster = await ContainerCluster.create(image, NAMES);
        const coordinator = await cluster.coordinator({ steps: STEPS, workers: 4 });
        const workers = await Promise.all(NAMES.map((name) => cluster.worker({ name })));
        const ready = await coordinator.log.until(({ event }) => event === 'ready');
        const addresses = (await Promise.all(workers.map((one) => one.inspect()))).map(addressOf);
        expect(new Set(addresses).size).toBe(4);
        // Each of them is a host of its own.
        expect(ready.network).toMatchObject({ hosts: 4 });
        expect(doneOf(await coordinator.finished).stateSha256).toBe(await bitsOfOneProcess(STEPS));
        for (const one of workers) expect((await one.finished).code).toBe(0);
      },
      RUN_MS,
    );
  });

  describe('one run, and all that happens to it', () => {
    let cluster: ContainerCluster;
    let coordinator: RunningContainer;
    const workers = new Map<string, RunningContainer>();
    afterAll(() => cluster?.remove());

    async function join(...names: readonly Name[]): Promise<void> {
      for (const name of names) workers.set(name, await cluster.worker({ name }));
    }

    /** What `change` does, and the first generation of these workers after it. */
    async function regroups(change: () => Promise<unknown>, names: readonly Name[]): Promise<Event> {
      const from = coordinator.events.length;
      await change();
      const ready = await coordinator.log.until(
        (event) => event.event === 'ready' && membersOf(event) === names.join(),
        from,
      );
      await coordinator.log.progressed(5);
      return ready;
    }

    it('begins with two of four workers', async () => {
      cluster = await ContainerCluster.create(image, NAMES, [STRANGER]);
      coordinator = await cluster.coordinator({ steps: 1_000_000, workers: 2, 'checkpoint-every': 100 });
      await regroups(() => join('w-1', 'w-2'), ['w-1', 'w-2']);
    });

    it('runs with no rights, and says that it is well', async () => {
      for (const container of [coordinator, workers.get('w-1')!]) {
        const identity = await container.exec(['sh', '-c', 'id -u; grep -E "^(CapEff|NoNewPrivs)" /proc/1/status']);
        expect(identity.output.split(/\s+/).slice(0, 5)).toEqual([
          expect.stringMatching(/^[1-9]\d*$/),
          'CapEff:',
          '0000000000000000',
          'NoNewPrivs:',
          '1',
        ]);
        expect((await container.exec(['touch', '/gantry/x'])).output).toContain('Read-only file system');
        expect(await container.exec(['gantry', 'health'])).toEqual({
          code: 0,
          output: expect.stringMatching(/^(coordinator|worker), pid 1: its event loop turned \d+ s ago/),
        });
      }
    });

    it('refuses a worker whose key is not on the list', async () => {
      const { code, stdout } = await (await cluster.worker({ name: STRANGER })).finished;
      expect([code, stdout]).toEqual([1, expect.stringContaining('GANTRY_AUTH_REFUSED')]);
      expect(stdout).toMatch(/refused the key of stranger/);
    });

    it('refuses a worker of another version', async () => {
      // The same image but for the number that its worker says: there is no second release to be had.
      const change = `RUN sed -i "s/GANTRY_VERSION = '[^']*'/GANTRY_VERSION = '${OTHER_VERSION}'/" ${VERSION_FILE}`;
      const other = await deriveImage(docker, image, {
        name: 'other',
        lines: ['USER 0', change, 'USER 10001:10001'],
      });
      const { code, stdout } = await (await cluster.worker({ name: 'w-3', image: other })).finished;
      expect([code, stdout]).toEqual([1, expect.stringContaining('GANTRY_VERSION_MISMATCH')]);
      expect(stdout).toContain(`the worker is Gantry ${OTHER_VERSION}`);
    });

    it('grows to four', async () => {
      await regroups(() => join('w-3', 'w-4'), NAMES);
    });

    it('goes on without a container that is killed, and takes it back', async () => {
      await regroups(() => workers.get('w-1')!.kill(), ['w-2', 'w-3', 'w-4']);
      await regroups(() => join('w-1'), NAMES);
    });

    it('goes on without one that is paused for longer than the lease, and takes it back', async () => {
      await regroups(() => workers.get('w-2')!.pause(), ['w-1', 'w-3', 'w-4']);
      await regroups(() => workers.get('w-2')!.unpause(), NAMES);
    });

    it('goes on without one whose network is gone, and takes it back', async () => {
      await regroups(() => workers.get('w-3')!.disconnect(), ['w-1', 'w-2', 'w-4']);
      await regroups(() => workers.get('w-3')!.connect(), NAMES);
    });

    it('goes on after its coordinator was killed, with the next one', async () => {
      const told = coordinator.events.findLast(({ event }) => event === 'progress')!.step as number;
      await coordinator.kill();
      await coordinator.finished;
      coordinator = await cluster.resumedCoordinator();
      const ready = await coordinator.log.until(
        (event) => event.event === 'ready' && membersOf(event) === NAMES.join(),
      );
      // Nothing that was told of is done again.
      expect(ready.update).toBeGreaterThanOrEqual(2 * told);
    });

    it('shrinks to two, which end with the bits of one process', async () => {
      const leave = async (name: Name): Promise<void> => expect((await workers.get(name)!.stop()).code).toBe(0);
      await regroups(async () => Promise.all([leave('w-3'), leave('w-4')]), ['w-1', 'w-2']);
      await coordinator.kill('SIGINT');
      const done = doneOf(await coordinator.finished);
      for (const name of ['w-1', 'w-2']) expect((await workers.get(name)!.finished).code).toBe(0);
      expect(done.stateSha256).toBe(await bitsOfOneProcess(done.step as number));
    });
  });
});

/** Names in their order, joined by commas. */
function membersOf({ members }: Event): string {
  return (members as { worker: string }[])
    .map(({ worker }) => worker)
    .sort()
    .join();
}

function addressOf({ NetworkSettings }: Awaited<ReturnType<RunningContainer['inspect']>>): string | undefined {
  return Object.values(NetworkSettings.Networks)[0]?.IPAddress;
}
