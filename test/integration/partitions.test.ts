import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  doneOf,
  type Event,
  eventually,
  GantryProcess,
  gantry,
  isAlive,
  trainArguments,
  Workspace,
} from '../support/gantry.js';
import { lostHostsProblem, Network, removeStaleNamespaces } from '../support/namespaces.js';

/** `npm run test:soak -- partitions`: how often a host vanishes. */
const VANISHED = Number(process.env.GANTRY_VANISHED_HOSTS ?? 0);
const STEPS = 300;
const SHARDS = 4;
const LEASE_MS = 1_500;
const CUT_MS = 10_000;
const HOSTS = ['alice', 'bob', 'carol', 'dave'] as const;
/** Behind the workers' hosts. */
const COORDINATOR = HOSTS.length;

const problem = lostHostsProblem();
const work = new Workspace();
const keys = join(work.path, 'keys');

/** A run whose coordinator and workers are all on hosts of their own, encrypted. */
class Cluster {
  readonly #network: Network;
  readonly #out = work.run();
  readonly #options: Readonly<Record<string, string | number>>;
  readonly #workers = new Map<number, GantryProcess>();
  coordinator!: GantryProcess;
  #endpoint = '';

  constructor(network: Network, options: Readonly<Record<string, string | number>>) {
    this.#network = network;
    this.#options = options;
  }

  async start(hosts: number): Promise<void> {
    const all = { transport: 'tcp', workers: hosts, shards: SHARDS, lease: `${LEASE_MS}ms`, ...this.#options };
    const [, ...rest] = trainArguments(this.#out, all);
    const bind = `tcp://${this.#network.address(COORDINATOR)}:0`;
    this.coordinator = this.#spawn(COORDINATOR, ['coordinator', '--keys', keys, '--bind', bind, ...rest]);
    this.#endpoint = (await this.coordinator.until(({ event }) => event === 'start')).endpoint as string;
    for (let host = 0; host < hosts; host++) this.join(host);
  }

  join(host: number): GantryProcess {
    const name = HOSTS[host]!;
    const args = ['worker', '--join', this.#endpoint, '--host-id', name, '--keys', join(keys, `${name}.key`)];
    const worker = this.#spawn(host, args);
    this.#workers.set(host, worker);
    return worker;
  }

  worker(host: number): GantryProcess {
    return this.#workers.get(host)!;
  }

  /** The first generation behind the `from`-th event that has so many members. */
  regrouped(from: number, members: number): Promise<Event> {
    return this.coordinator.until((event) => {
      const isLater = this.coordinator.events.indexOf(event) >= from;
      return isLater && event.event === 'ready' && (event.members as unknown[]).length === members;
    });
  }

  /** Ctrl-C, and what the run says in the end. */
  async interrupt(): Promise<Event> {
    this.coordinator.child.kill('SIGINT');
    return doneOf(await this.coordinator.finished);
  }

  async end(): Promise<void> {
    const all = [this.coordinator, ...this.#workers.values()];
    for (const { child } of all) child.kill('SIGKILL');
    await Promise.all(all.map(({ finished }) => finished));
  }

  #spawn(host: number, args: readonly string[]): GantryProcess {
    return new GantryProcess(args, {}, { within: this.#network.within(host), hangMs: 150_000 + 30_000 * VANISHED });
  }
}

describe.skipIf(problem !== '')(`hosts on a network${problem === '' ? '' : ` (skipped: ${problem})`}`, () => {
  let network: Network;
  let undisturbed: unknown;

  beforeAll(async () => {
    removeStaleNamespaces();
    network = new Network(HOSTS.length + 1);
    expect((await gantry(['keygen', '--out', keys, '--worker', ...HOSTS])).code).toBe(0);
    undisturbed = doneOf(await gantry(trainArguments(work.run(), { steps: STEPS, shards: SHARDS }))).stateSha256;
  });

  afterAll(() => {
    network?.remove();
    work.remove();
  });

  async function withCluster(hosts: number, body: (cluster: Cluster) => Promise<void>, options = {}): Promise<void> {
    const cluster = new Cluster(network, { steps: STEPS, ...options });
    try {
      await cluster.start(hosts);
      await body(cluster);
    } finally {
      await cluster.end();
      for (let host = 0; host < hosts; host++) network.mend(host);
    }
  }

  it('half of them vanish without a word, at once: the others end in the same bits', () =>
    withCluster(4, async (cluster) => {
      await cluster.coordinator.untilStep(40);
      const before = cluster.coordinator.events.length;
      for (const host of [0, 2]) network.cut(host);
      await cluster.regrouped(before, 2);
      expect(doneOf(await cluster.coordinator.finished).stateSha256).toBe(undisturbed);
      const lost = cluster.coordinator.events.filter(({ event }) => event === 'worker-lost');
      expect(lost.map(({ worker, host }) => host ?? worker).sort()).toEqual(['alice', 'carol']);
    }));

  it(`one is cut off for ${CUT_MS / 1000} s: it is done without, and takes part again`, () =>
    withCluster(
      2,
      async (cluster) => {
        await cluster.coordinator.untilStep(20);
        const before = cluster.coordinator.events.length;
        network.cut(1);
        const cutMs = performance.now();
        await cluster.regrouped(before, 1);
        await new Promise((resolve) => setTimeout(resolve, CUT_MS - (performance.now() - cutMs)));
        const mended = cluster.coordinator.events.length;
        network.mend(1);
        const again = await cluster.regrouped(mended, 2);
        await cluster.coordinator.untilStep(20 + (again.update as number) / 2);
        const done = await cluster.interrupt();
        const alone = doneOf(await gantry(trainArguments(work.run(), { steps: done.step as number, shards: SHARDS })));
        expect(done.stateSha256).toBe(alone.stateSha256);
        await eventually(() => !isAlive(cluster.worker(1).pid), 'the worker that came back ends with the run');
      },
      { steps: 1_000_000 },
    ));

  it.each([
    { who: 'one newcomer of two', workers: 1, newcomers: [1, 2], leaving: [1], topology: 'direct' },
    // Whichever the coordinator finds first.
    { who: 'one of two that trained', workers: 2, newcomers: [], leaving: [0, 1], topology: 'auto' },
  ])('$who is not reached: it is refused, and costs nobody its place', ({ workers, newcomers, leaving, topology }) =>
    withCluster(
      workers,
      async (cluster) => {
        await cluster.coordinator.untilStep(20);
        const before = cluster.coordinator.events.length;
        const others = [0, ...newcomers].filter((host) => host !== 1);
        for (const host of others) network.block(host, 1);
        try {
          for (const host of newcomers) cluster.join(host);
          const { code, stderr } = await Promise.race(leaving.map((host) => cluster.worker(host).finished));
          expect(code).toBe(1);
          expect(stderr).toMatch(/no answer from.*--data-host.*GANTRY_TRANSPORT_FAILED/s);
        } finally {
          for (const host of others) network.unblock(host, 1);
        }
        const again = await cluster.regrouped(before, others.length);
        await cluster.coordinator.untilStep(20 + (again.update as number) / 2);
        const done = await cluster.interrupt();
        const alone = doneOf(await gantry(trainArguments(work.run(), { steps: done.step as number, shards: SHARDS })));
        expect(done.stateSha256).toBe(alone.stateSha256);
      },
      { steps: 1_000_000, topology },
    ),
  );

  it('checkpoints that take longer than the lease on a slow link cost nobody its place', () =>
    withCluster(
      2,
      async (cluster) => {
        network.limit(COORDINATOR, { rate: '30mbit' });
        try {
          const done = doneOf(await cluster.coordinator.finished);
          const alone = doneOf(
            await gantry(trainArguments(work.run(), { steps: done.step as number, shards: SHARDS })),
          );
          expect(done.stateSha256).toBe(alone.stateSha256);
        } finally {
          network.unlimit(COORDINATOR);
        }
        const { events } = cluster.coordinator;
        expect(events.filter(({ event }) => event === 'checkpoint')).toHaveLength(2);
        expect(events.filter(({ event }) => event === 'worker-lost')).toEqual([]);
        expect(events.filter(({ event }) => event === 'ready')).toHaveLength(1);
      },
      { steps: 40, 'checkpoint-every': 20 },
    ));

  it.skipIf(VANISHED === 0)(
    `one is gone for good, ${VANISHED} times: told in the end, how long it took`,
    () =>
      withCluster(
        2,
        async (cluster) => {
          const took: number[] = [];
          for (let count = 0; count < VANISHED; count++) took.push(await vanish(cluster));
          const done = await cluster.interrupt();
          const alone = doneOf(
            await gantry(trainArguments(work.run(), { steps: done.step as number, shards: SHARDS })),
          );
          expect(done.stateSha256).toBe(alone.stateSha256);
          tell(took);
        },
        { steps: 1_000_000 },
      ),
    60_000 + 30_000 * VANISHED,
  );

  /** Host 1 vanishes, and a new one takes its place. @returns milliseconds until training went on */
  async function vanish(cluster: Cluster): Promise<number> {
    const { events } = cluster.coordinator;
    await cluster.coordinator.progressed(10);
    const before = events.length;
    network.cut(1);
    const cutMs = performance.now();
    await cluster.regrouped(before, 1);
    const took = performance.now() - cutMs;
    cluster.worker(1).child.kill('SIGKILL');
    network.mend(1);
    const mended = events.length;
    cluster.join(1);
    await cluster.regrouped(mended, 2);
    return took;
  }
});

function tell(took: readonly number[]): void {
  const sorted = [...took].sort((a, b) => a - b);
  const at = (share: number): string => sorted[Math.floor(share * (sorted.length - 1))]!.toFixed(0);
  process.stderr.write(
    `a host vanished ${took.length} times, lease ${LEASE_MS} ms: median ${at(0.5)} ms, 9 of 10 within ${at(0.9)} ms, longest ${at(1)} ms\n`,
  );
}
