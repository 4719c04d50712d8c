import { describe, expect, it } from 'vitest';
import { CONTEXT, clusterOf } from '../../../testing/clusters.js';
import type { Command, SubmittedPlan } from '../../plan.js';
import { printPlan } from '../../print-plan.js';
import { planLaunch } from '../index.js';
import { podLine } from './log-line.js';
import { bytesQuantity, cpuQuantity } from './quantity.js';

const FILE = {
  launcher: 'kubernetes',
  name: 'small',
  keys: '/secret/keys',
  kubernetes: { namespace: 'lab', context: 'here' },
};

async function plan(file: Record<string, unknown> = {}, context: object = {}): Promise<SubmittedPlan> {
  return planLaunch(await clusterOf({ ...FILE, ...file }), { ...CONTEXT, ...context }) as SubmittedPlan;
}

const KUBECTL = 'kubectl --context here --namespace lab ';
const said = ({ argv }: Command): string => argv.join(' ').replace(KUBECTL, '');

describe('a launch on Kubernetes', () => {
  it('takes away what was left, makes the secrets out of the key files, and applies the manifest', async () => {
    const { start, files } = await plan();
    const labels =
      'app.kubernetes.io/name=gantry app.kubernetes.io/instance=small app.kubernetes.io/managed-by=gantry-launch';
    const workers = [0, 1, 2, 3].map((index) => `--from-file=/secret/keys/worker-${index}.key`).join(' ');
    expect(start.map(said)).toEqual([
      'delete job small-coordinator small-worker --ignore-not-found --cascade=foreground --wait --timeout=180s',
      'delete secret small-coordinator-keys small-worker-keys --ignore-not-found',
      'create secret generic small-coordinator-keys --from-file=/secret/keys/server.key --from-file=/secret/keys/allowed',
      `create secret generic small-worker-keys ${workers}`,
      `label secret small-coordinator-keys small-worker-keys ${labels}`,
      'apply --filename /work/run.launch/manifest.yaml',
    ]);
    expect(files.map(({ path }) => path)).toEqual(['/work/run.launch/manifest.yaml']);
  });

  it('calls kubectl in one context and one namespace', async () => {
    const { start, stop, remove, status, runStatus, health, logs, coordinatorOutput, workerOutput, checks, scale } =
      await plan();
    const followed = [status, runStatus!, health, logs, coordinatorOutput, workerOutput];
    const all = [
      ...start,
      ...stop,
      ...remove,
      ...followed,
      ...checks.map(({ command }) => command),
      ...scale({ current: 1, wanted: 2 }),
    ];
    for (const { argv } of all) expect(`${argv.join(' ')} `).toContain(KUBECTL);
    expect((await plan({ kubernetes: {} })).status.argv.slice(0, 3)).toEqual(['kubectl', '--namespace', 'default']);
  });

  it('lets the coordinator save before anything is taken away, and never takes the claim', async () => {
    const { stop, remove } = await plan();
    expect(stop.map(said)).toEqual([expect.stringMatching(/^delete job small-coordinator .*--wait --timeout=180s$/)]);
    expect(remove.map(said)).toEqual([
      expect.stringMatching(/^delete jobs,services,networkpolicies,configmaps,secrets --selector \S*instance=small /),
    ]);
    expect(remove.map(said).join()).not.toMatch(/claim|pvc|\ball\b|--all/);
  });

  it('is scaled by both counts at once, up to as many as there are keys', async () => {
    const { scale, workersMax } = await plan();
    expect(scale({ current: 2, wanted: 4 }).map(said)).toEqual([
      'patch job small-worker --type merge --patch {"spec":{"completions":4,"parallelism":4}}',
    ]);
    expect(workersMax).toBe(4);
    const gap = { workerKeys: ['alice', 'worker-0', 'worker-1', 'worker-3'] };
    expect((await plan({}, gap)).workersMax).toBe(2);
    await expect(plan({ workers: 3 }, gap)).rejects.toThrow(
      /\/secret\/keys has no key for worker-2: .*gantry keygen --add --out \/secret\/keys --worker worker-2$/,
    );
  });

  it('looks before it does anything: for rights, for another launch, for the claim', async () => {
    const { checks } = await plan({ kubernetes: { storage: { claim: 'shared' } } });
    expect(checks.map(({ what }) => what)).toEqual(['kubectl may create jobs', 'no other small runs', 'claim shared']);
    expect(checks[0]!.expects).toBe('yes');
    expect(checks[1]!.expectsNothing).toBe(true);
    expect((await plan()).checks).toHaveLength(2);
  });

  it.each([
    '/small',
    'runs/small',
    '/etc/small',
    '/tmp/x/small',
    '/dev/small',
    '/etc/gantry/keys/x',
    '/runs/../small',
    '/a b/c',
  ])('has no place for its run in %s', async (out) => {
    await expect(plan({ out })).rejects.toMatchObject({
      code: 'GANTRY_CONFIG_INVALID',
      message: expect.stringMatching(/cluster\.yaml: out: .*such as \/runs\/gantry/),
    });
  });

  it('prints all of it beforehand, with paths of keys and not one of them', async () => {
    const text = printPlan(await plan(), 2);
    expect(text).toMatch(
      /# file \/work\/run\.launch\/manifest\.yaml\n# small: written by gantry launch from .*cluster\.yaml/,
    );
    expect(text).toMatch(/# check: no other small runs \(has to print nothing\)\nkubectl --context here/);
    expect(text).toMatch(/# start\n.* delete job small-coordinator/);
  });
});

describe('what pods say', () => {
  it.each([
    [
      '[pod/small-worker-3-x7k2p/worker] 2026-11-26T08:00:00.123456789Z a | b',
      { name: 'worker-3', line: 'a | b', said: { by: 'small-worker-3-x7k2p', at: '2026-11-26T08:00:00.123456789Z' } },
    ],
    [
      '[pod/worker-1-coordinator-abcde/coordinator] 2026-11-26T08:00:00.1Z {"event":"done"}',
      {
        name: 'coordinator',
        line: '{"event":"done"}',
        said: { by: 'worker-1-coordinator-abcde', at: '2026-11-26T08:00:00.1Z' },
      },
    ],
    [
      '[pod/small-worker-3-x7k2p/worker] 2026-11-26T08:00:00.123456789Z ',
      { name: 'worker-3', line: '', said: { by: 'small-worker-3-x7k2p', at: '2026-11-26T08:00:00.123456789Z' } },
    ],
    ['unable to retrieve container logs', { name: '', line: 'unable to retrieve container logs' }],
  ])('%s', (text, expected) => {
    expect(podLine(text)).toEqual(expected);
  });
});

it('writes amounts as Kubernetes does', () => {
  expect([2 ** 30, 3 * 2 ** 29, 1536, 1000].map(bytesQuantity)).toEqual(['1Gi', '1536Mi', '1536', '1000']);
  expect([1, 2, 0.5, 1.25, 0.0001].map(cpuQuantity)).toEqual(['1', '2', '500m', '1250m', '1m']);
});
