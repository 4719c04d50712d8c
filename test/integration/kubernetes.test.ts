import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import {
  doneOf,
  errorOf,
  eventually,
  GantryProcess,
  gantry,
  isAlive,
  onlyErrorOf,
  trainArguments,
  Workspace,
} from '../support/gantry.js';
import { kubectlProblem } from '../support/kubectl.js';
import { ProcessRuntime } from '../support/kubernetes/process-runtime.js';
import { StandInKubernetes } from '../support/kubernetes/server.js';
import { SmallDisk } from '../support/scarcity.js';

// The launcher and the real kubectl, against a server that stands in for Kubernetes; pods are processes of this machine.
const STEPS = 200;
/** Time for workers to come and go. */
const STEPS_LONG = 600;
const PORT = 17_555;
const IMAGE = 'gantry:test';
const problem = await kubectlProblem();
const work = new Workspace();

describe.skipIf(problem !== '')(`gantry launch, launcher kubernetes${problem && ` (skipped: ${problem})`}`, () => {
  let cluster: StandInKubernetes;
  let runtime: ProcessRuntime;
  let keys: string;
  const launched: GantryProcess[] = [];
  const disks: SmallDisk[] = [];

  beforeAll(async () => {
    keys = join(work.path, 'keys');
    await gantry(['keygen', '--out', keys, '--workers', '4']);
  });

  afterEach(async () => {
    for (const { child } of launched.splice(0)) child.kill('SIGKILL');
    for (const disk of disks.splice(0)) disk.unmount();
    await cluster?.remove();
  });

  afterAll(() => work.remove());

  async function begin(settings: Record<string, unknown> = {}, run: Record<string, unknown> = {}): Promise<string> {
    runtime = new ProcessRuntime(IMAGE);
    cluster = await StandInKubernetes.start(runtime);
    const file = `${work.run()}.yaml`;
    const small = { dataset: 'mnist', shards: 4, batch: 16, steps: STEPS, seed: 7, sampleEvery: 0, ...run };
    const given = { name: 'small', image: IMAGE, workers: 2, maxWorkers: 4, port: PORT, keys, run: small };
    writeFileSync(file, stringify({ launcher: 'kubernetes', ...given, ...settings }));
    return file;
  }

  function launch(file: string, ...args: string[]): GantryProcess {
    const run = new GantryProcess(['launch', ...args, '-f', file, '--json'], cluster.env);
    launched.push(run);
    return run;
  }

  const members = (run: GantryProcess): string[] => {
    const ready = run.events.findLast(({ event }) => event === 'ready');
    return ((ready?.members ?? []) as { worker: string }[]).map(({ worker }) => worker).sort();
  };

  /** What there is, by kind and name. */
  const objects = (): string[] =>
    ['jobs', 'pods', 'services', 'networkpolicies', 'configmaps', 'secrets', 'persistentvolumeclaims'].flatMap((kind) =>
      cluster.store.list(kind).map(({ metadata }) => `${kind} ${metadata.name}`),
    );

  const references = new Map<number, Promise<unknown>>();
  /** Of a run of one worker that nothing happens to. */
  const bits = (steps = STEPS): Promise<unknown> => {
    const known = references.get(steps);
    const run =
      known ?? gantry(trainArguments(work.run(), { workers: 1, steps })).then((one) => doneOf(one).stateSha256);
    references.set(steps, run);
    return run;
  };

  it('trains to the bits of one worker, and leaves nothing but the claim', async () => {
    const file = await begin();
    const run = launch(file);
    await run.untilStep(1);
    const [coordinator] = cluster.store.list('secrets', ({ metadata }) => metadata.name === 'small-coordinator-keys');
    expect(Object.keys(coordinator!.data).sort()).toEqual(['allowed', 'server.key']);
    expect(JSON.stringify(coordinator!.metadata)).not.toMatch(/annotations/);
    expect(members(run)).toEqual(['worker-0', 'worker-1']);
    expect(doneOf(await run.finished).stateSha256).toBe(await bits());
    expect(objects()).toEqual(['persistentvolumeclaims small-runs']);
    expect([...runtime.pids]).toEqual([]);
  });

  it('is scaled 2 to 4 to 1 in the same bits, and nobody is lost', async () => {
    const file = await begin({ minWorkers: 1 }, { steps: STEPS_LONG });
    const run = launch(file);
    await run.untilStep(10);
    const scaled = await gantry(['launch', 'scale', '4', '-f', file], cluster.env);
    expect(scaled.stderr).toMatch(/asked for 4 workers/);
    await run.until(() => members(run).length === 4);
    const more = await gantry(['launch', 'scale', '5', '-f', file], cluster.env);
    expect([more.code, more.stderr]).toEqual([
      2,
      expect.stringMatching(/5 workers are more than small has room for: 4/),
    ]);
    await gantry(['launch', 'scale', '1', '-f', file], cluster.env);
    await run.until(() => members(run).join() === 'worker-0');
    expect(doneOf(await run.finished).stateSha256).toBe(await bits(STEPS_LONG));
    expect(run.events.filter(({ event }) => event === 'worker-lost')).toEqual([]);
  });

  it('goes on after workers and coordinator were killed, in the same bits', async () => {
    const file = await begin();
    const run = launch(file);
    await run.untilStep(20);
    cluster.jobs.pods('small-worker')[1]!.kill();
    await run.until(({ event }) => event === 'worker-lost');
    await run.progressed(20);
    cluster.jobs.pods('small-coordinator')[0]!.kill();
    expect(doneOf(await run.finished).stateSha256).toBe(await bits());
    expect(objects()).toEqual(['persistentvolumeclaims small-runs']);
  });

  it('has a worker replaced that was told to leave its node', async () => {
    const file = await begin({}, { steps: STEPS_LONG });
    const run = launch(file);
    await run.untilStep(20);
    await cluster.jobs.evict(cluster.jobs.pods('small-worker')[0]!);
    // It left in good order, and Kubernetes must not take that for the end of its work.
    expect(cluster.store.list('jobs').map(({ status }) => status.succeeded)).toEqual([0, 0]);
    await run.until(() => members(run).join() === 'worker-1');
    await run.until(() => members(run).length === 2);
    expect(doneOf(await run.finished).stateSha256).toBe(await bits(STEPS_LONG));
    expect(run.events.filter(({ event }) => event === 'worker-lost')).toEqual([]);
  });

  it('is stopped, saved, and goes on when it is launched again', async () => {
    const file = await begin();
    const first = launch(file);
    await first.untilStep(30);
    const stop = await gantry(['launch', 'stop', '-f', file], cluster.env);
    expect([stop.code, stop.stderr]).toEqual([0, expect.stringMatching(/stopped +small/)]);
    expect(doneOf(await first.finished).interrupted).toBe(true);
    expect(objects()).toEqual(['persistentvolumeclaims small-runs']);
    const again = doneOf(await launch(file).finished);
    expect(again).toMatchObject({ step: STEPS, stateSha256: await bits() });
  });

  it('is handed over with --detach, looked after from elsewhere, and not launched a second time', async () => {
    const file = await begin({}, { steps: 1_000_000 });
    expect((await launch(file, '--detach').finished).code).toBe(0);
    await eventually(() => cluster.jobs.pods().some(({ lines }) => lines.join().includes('"progress"')), 'it trains');
    const status = await gantry(['launch', 'status', '-f', file], cluster.env);
    expect(status.stdout).toMatch(/small: kubernetes, 2 workers, handed over[\s\S]*small-coordinator/);
    const logs = await gantry(['launch', 'logs', '-f', file], cluster.env);
    expect(logs.stdout).toMatch(/^coordinator {"event":"start"/m);
    const second = errorOf(await launch(file).finished);
    expect(second.message).toMatch(
      /no other small runs: small-coordinator.* does\. Stop it with npx gantry launch stop/,
    );
    expect((await gantry(['launch', 'stop', '-f', file], cluster.env)).code).toBe(0);
    expect([objects(), [...runtime.pids]]).toEqual([['persistentvolumeclaims small-runs'], []]);
  });

  it('leaves nothing running when the launcher is killed', async () => {
    const file = await begin({}, { steps: 1_000_000 });
    const run = launch(file);
    await run.untilStep(10);
    const pids = [...runtime.pids];
    expect(pids).toHaveLength(3);
    run.child.kill('SIGKILL');
    await run.finished;
    await eventually(() => objects().length === 1 && !pids.some(isAlive), 'everything has been taken away');
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['a wrong image', { image: 'gantry:none' }, /cannot get gantry:none \(ImagePullBackOff.*Name in image/],
    [
      'a missing key',
      { workers: 5, maxWorkers: 5, run: { shards: 8, batch: 16 } },
      /no key for worker-4.*gantry keygen --add/,
    ],
    [
      'a claim that is not there',
      { kubernetes: { storage: { claim: 'none' } } },
      /claim none: .*not found.*Name one that exists/,
    ],
    [
      'a context that is not there',
      { kubernetes: { context: 'none' } },
      /context "none" does not exist.*kubernetes\.context/,
    ],
  ])('ends with %s in one clear message, and leaves nothing', async (_, settings, expected) => {
    const file = await begin(settings);
    const finished = await launch(file).finished;
    expect([finished.code, onlyErrorOf(finished).message]).toEqual([1, expect.stringMatching(expected)]);
    expect(objects().filter((name) => !name.startsWith('persistentvolumeclaims'))).toEqual([]);
    expect([...runtime.pids]).toEqual([]);
  });

  it('says that the API server cannot be reached, and nothing else', async () => {
    const file = await begin({ kubernetes: { storage: { claim: 'some' } } });
    const config = join(work.path, 'config');
    const unreachable = readFileSync(cluster.env.KUBECONFIG!, 'utf8').replace(/127\.0\.0\.1:\d+/, '127.0.0.1:1');
    writeFileSync(config, unreachable);
    const failed = await gantry(['launch', '-f', file, '--json'], { ...cluster.env, KUBECONFIG: config });
    const { code, message } = onlyErrorOf(failed);
    expect(code).toBe('GANTRY_LAUNCH_FAILED');
    expect(message).toMatch(/^nothing was started:\n[^\n]*127\.0\.0\.1:1 was refused[^\n]*kubernetes\.context[^\n]*$/);
    expect([cluster.changes, failed.events.length]).toEqual([[], 1]);
  });

  it('says that the claim has become full, and leaves nothing; with room it goes on', async (context) => {
    const file = await begin({}, { steps: 1_000_000, checkpointEvery: 20 });
    const disk = SmallDisk.mount(join(runtime.folder, 'small-runs'), 64);
    if (disk === null) return context.skip();
    disks.push(disk);
    const run = launch(file);
    await run.until(({ event }) => event === 'checkpoint');
    disk.fill();
    expect(onlyErrorOf(await run.finished)).toMatchObject({
      code: 'GANTRY_DISK_FULL',
      message: expect.stringMatching(/no room to write .*free some space/),
    });
    expect([objects(), [...runtime.pids]]).toEqual([['persistentvolumeclaims small-runs'], []]);
    // Those of the pods are gone with them.
    const logs = join(work.path, 'small.launch', 'logs');
    expect(readFileSync(join(logs, 'coordinator.log'), 'utf8')).toMatch(/GANTRY_DISK_FULL/);
    // Launches before this one had more workers.
    expect(readdirSync(logs)).toEqual(expect.arrayContaining(['coordinator.log', 'worker-0.log', 'worker-1.log']));
    disk.empty();
    const again = launch(file);
    expect((await again.until(({ event }) => event === 'start')).fromStep).toBeGreaterThanOrEqual(20);
  });

  it('says that the disk of the launcher is full, and makes no object', async (context) => {
    const disk = SmallDisk.mount(join(work.path, 'disk'), 1);
    if (disk === null) return context.skip();
    disks.push(disk);
    const elsewhere = join(disk.path, 'cluster.yaml');
    copyFileSync(await begin(), elsewhere);
    disk.fill();
    expect(onlyErrorOf(await launch(elsewhere).finished)).toMatchObject({
      code: 'GANTRY_DISK_FULL',
      message: expect.stringMatching(/no room to write \S+small\.launch.*use another folder for the cluster file/),
    });
    expect(objects()).toEqual([]);
  });

  it('prints what it would do, and does nothing', async () => {
    const file = await begin({ name: 'dry' });
    const dry = await gantry(['launch', '-f', file, '--dry-run'], cluster.env);
    expect(dry.stdout).toMatch(
      /kind: NetworkPolicy[\s\S]*kubectl --namespace default apply --filename .*manifest\.yaml/,
    );
    expect([cluster.changes, existsSync(join(work.path, 'dry.launch'))]).toEqual([[], false]);
  });
});
