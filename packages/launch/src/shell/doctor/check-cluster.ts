import { existsSync } from 'node:fs';
import { readAllowList, readKeyFolder, readWorkerKeys } from '@gantry/common/keys';
import type { Cluster } from '../../core/cluster.js';
import { CLOCK_MS_MAX } from '../../core/constants.js';
import { addKeys } from '../../core/launchers/parts.js';
import type { OwnGantry } from '../launch.js';
import { LaunchedProcess, run } from '../processes.js';
import { workerKeysIn } from '../worker-keys.js';
import type { ProbeResult } from './probe.js';
import { type Site, sitesOf } from './sites.js';

/** One thing that was looked at. */
export interface ClusterFinding {
  /** Machine, or `keys`. */
  readonly where: string;
  readonly what: string;
  readonly state: 'ok' | 'warning' | 'problem';
  readonly value: string;
  /** '' where nothing is to be done. */
  readonly remedy: string;
}

/** By machine, what the way to each other one is; null: itself; a text: why there is none. */
export interface NetworkMatrix {
  readonly names: readonly string[];
  readonly paths: readonly (readonly (ProbeResult | string | null)[])[];
}

export interface ClusterReport {
  readonly findings: readonly ClusterFinding[];
  /** Null where there is one machine. */
  readonly network: NetworkMatrix | null;
}

const ok = (where: string, what: string, value: string): ClusterFinding => ({
  where,
  what,
  state: 'ok',
  value,
  remedy: '',
});
const problem = (where: string, what: string, value: string, remedy: string): ClusterFinding => ({
  ...{ where, what, state: 'problem' },
  value,
  remedy,
});

/**
 * Looks at everything that a launch of a cluster depends on: its machines, their versions and clocks, the keys, and the ways
 * between the machines, each pair of them both ways, through ports such as workers choose.
 */
export async function checkCluster(cluster: Cluster, own: OwnGantry): Promise<ClusterReport> {
  const sites = await sitesOf(cluster, own.command);
  const machines = await Promise.all(sites.map((site) => checkSite(site, own.version)));
  const findings = [...checkKeys(cluster), ...machines.flat()];
  const reached = sites.filter((_, index) => machines[index]!.every(({ state }) => state !== 'problem'));
  if (reached.length < 2) return { findings, network: null };
  const network = await measureNetwork(reached, cluster.port);
  return { findings: [...findings, ...brokenPaths(network)], network };
}

async function checkSite(site: Site, version: string): Promise<ClusterFinding[]> {
  const { name } = site;
  const asked = await run(site.gantry('--version'));
  if (asked.code !== 0) {
    return [
      problem(
        name,
        'Gantry',
        asked.lastWords,
        `Try it by hand: ssh ${name}; ssh has to ask for nothing, and gantry has to be found`,
      ),
    ];
  }
  const found = asked.output.trim();
  if (found !== `gantry ${version}`) {
    return [problem(name, 'Gantry', `${found}, not gantry ${version}`, 'Install the same version on every machine')];
  }
  const [clock, machine] = await Promise.all([checkClock(site), checkMachine(site)]);
  return [ok(name, 'Gantry', found), clock, ...machine];
}

/** Clocks matter to people who read logs, and to certificates, not to the run: its bits and leases use none. */
async function checkClock({ name, shell }: Site): Promise<ClusterFinding> {
  const before = Date.now();
  const { code, output } = await run(shell('date +%s%3N'));
  const middle = (before + Date.now()) / 2;
  const offMs = Math.round(Number(output.trim()) - middle);
  if (code !== 0 || !Number.isFinite(offMs)) return ok(name, 'clock', 'not told');
  const value = `${offMs >= 0 ? '+' : '−'}${Math.abs(offMs)} ms`;
  if (Math.abs(offMs) <= CLOCK_MS_MAX) return ok(name, 'clock', value);
  const remedy =
    'Let a time service (chrony, systemd-timesyncd) set it: logs of several machines are hard to read otherwise';
  return { where: name, what: 'clock', state: 'warning', value, remedy };
}

async function checkMachine({ name, gantry }: Site): Promise<ClusterFinding[]> {
  const { output, lastWords } = await run(gantry('doctor', '--json'));
  try {
    const line = output.split('\n').find((one) => one.startsWith('{"event":"doctor"')) ?? '';
    const { findings } = JSON.parse(line) as {
      findings: { name: string; state: string; value: string; remedy: string }[];
    };
    const wrong = findings.filter(({ state }) => state === 'problem' || state === 'warning');
    if (wrong.length === 0) return [ok(name, 'machine', findings.find((one) => one.name === 'cpu')?.value ?? 'fit')];
    return wrong.map(({ name: what, state, value, remedy }) => ({
      ...{ where: name, what, state: state as 'warning' | 'problem' },
      ...{ value, remedy },
    }));
  } catch {
    return [problem(name, 'machine', lastWords, `Run gantry doctor on ${name}`)];
  }
}

function checkKeys({ keys, workers, launcher }: Cluster): ClusterFinding[] {
  if (keys === null) return [ok('keys', 'none', `${launcher} stays on the loopback`)];
  const remedy = `npx gantry keygen --out ${keys} --workers ${workers}`;
  try {
    const { server, allowedFile } = readKeyFolder(keys);
    const allowed = readAllowList(allowedFile);
    const names = workerKeysIn(keys);
    const wrong = names.flatMap((name) => {
      const own = readWorkerKeys(`${keys}/${name}.key`);
      if (own.serverKey !== server.publicKey) return [problem('keys', name, 'is for another coordinator', remedy)];
      if (allowed.get(own.publicKey) !== name)
        return [problem('keys', name, 'is not on the allow-list', `Add its line to ${allowedFile}`)];
      return [];
    });
    if (names.length < workers) {
      wrong.push(
        problem('keys', 'workers', `${names.length} keys for ${workers} workers`, addKeys(keys, names, workers)),
      );
    }
    return wrong.length > 0 ? wrong : [ok('keys', 'workers', `${names.length} on the allow-list, each with its file`)];
  } catch (error) {
    return [problem('keys', 'folder', (error as Error).message, existsSync(keys) ? '' : remedy)];
  }
}

/** One machine measures at a time, so that none disturbs another. */
async function measureNetwork(sites: readonly Site[], coordinatorPort: number): Promise<NetworkMatrix> {
  const listeners = await Promise.all(sites.map((site, index) => listen(site, index === 0 ? coordinatorPort : 0)));
  const paths: (ProbeResult | string | null)[][] = [];
  try {
    for (const [from, site] of sites.entries()) {
      const targets = sites.flatMap(({ address }, to) =>
        to === from ? [] : [{ to, at: `${address}:${listeners[to]!.port}` }],
      );
      const { output, lastWords } = await run(
        site.gantry('doctor', '--json', '--probe', targets.map(({ at }) => at).join(',')),
      );
      const results = output.split('\n').flatMap(asProbe);
      const row: (ProbeResult | string | null)[] = sites.map(() => null);
      targets.forEach(({ to }, index) => {
        row[to] = results[index] ?? (lastWords || 'no answer');
      });
      paths.push(row);
    }
  } finally {
    await Promise.all(listeners.map(({ process: listener }) => listener.leave()));
  }
  return { names: sites.map(({ name }) => name), paths };
}

function asProbe(line: string): (ProbeResult | string)[] {
  if (!line.startsWith('{"event":"probe"')) return [];
  const { error, latencyMs, megabitsPerSecond } = JSON.parse(line) as ProbeResult & { error?: string };
  return [error ?? { latencyMs, megabitsPerSecond }];
}

async function listen(site: Site, port: number): Promise<{ port: number; process: LaunchedProcess }> {
  const command = site.gantry('doctor', '--listen', String(port));
  let told = (_port: number): void => {};
  const asked = new Promise<number>((resolve) => {
    told = resolve;
  });
  const listener = new LaunchedProcess(command, (_, line) => {
    const [, found] = /^\{"event":"listening","port":(\d+)\}$/.exec(line) ?? [];
    if (found !== undefined) told(Number(found));
  });
  void listener.ended.then(() => told(0));
  return { port: await asked, process: listener };
}

function brokenPaths({ names, paths }: NetworkMatrix): ClusterFinding[] {
  return paths.flatMap((row, from) =>
    row.flatMap((path, to) =>
      typeof path === 'string'
        ? [
            problem(
              names[from]!,
              `to ${names[to]}`,
              path,
              `Let ${names[from]} open tcp connections to any port of ${names[to]}`,
            ),
          ]
        : [],
    ),
  );
}
