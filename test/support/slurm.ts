import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packagesProblem } from './debian-packages.js';
import { isAlive } from './gantry.js';
import { Machine, writeHostsFile } from './machine.js';
import { Network, namespacesProblem, removeStaleNamespaces } from './namespaces.js';
import { gresConf, slurmConf } from './slurm-conf.js';

const POLL_MS = 100;
/** For a broken installation, not a measurement. */
const WAIT_MS_MAX = 120_000;
const MUNGE = { programs: ['munged'], packages: ['munge'] };
const SLURM = { programs: ['slurmctld', 'slurmd', 'sbatch', 'srun'], packages: ['slurm-wlm', 'munge'] };

/**
 * Why there can be no Slurm here; empty: there can. Installs it where it may.
 * @throws Error with that reason where GANTRY_REQUIRE_SLURM=1
 */
export function slurmProblem(): string {
  const problem = namespacesProblem() || packagesProblem(MUNGE) || packagesProblem(SLURM);
  if (problem !== '' && process.env.GANTRY_REQUIRE_SLURM === '1') throw new Error(`no Slurm: ${problem}`);
  return problem;
}

export interface SlurmOptions {
  /** @default 3 */
  readonly nodes?: number;
  /** Seconds that a preempted job has from SIGTERM on; 0: `killWaitSeconds`. @default 30 */
  readonly graceSeconds?: number;
  /** Seconds that any other job has. @default 30, as Slurm's own */
  readonly killWaitSeconds?: number;
}

/**
 * A real Slurm: slurmctld on one machine, the login node, and a slurmd on each of some others (network namespaces: their names
 * are node-0, node-1, …). All see the same files. Commands are run on the login node.
 */
export class SlurmCluster {
  /** Shared by all machines; removed at the end. */
  readonly folder = mkdtempSync(join(tmpdir(), 'gantry-slurm-'));
  readonly nodes: Machine[] = [];
  readonly #daemons: ChildProcess[] = [];
  readonly #network: Network;
  readonly #count: number;

  static async start(options: SlurmOptions = {}): Promise<SlurmCluster> {
    removeStaleNamespaces();
    const cluster = new SlurmCluster(options.nodes ?? 3);
    try {
      await cluster.#start(options);
      return cluster;
    } catch (error) {
      const logs = cluster.#logs();
      await cluster.end();
      throw new Error(`Slurm did not start: ${(error as Error).message}\n${logs}`, { cause: error });
    }
  }

  private constructor(nodes: number) {
    this.#count = nodes;
    // The login node is the last one.
    this.#network = new Network(nodes + 1);
  }

  /** What Slurm's commands need to know. */
  get env(): Readonly<Record<string, string>> {
    return { SLURM_CONF: join(this.folder, 'slurm.conf') };
  }

  /** A command that becomes the one behind it, on the login node. */
  within(): string[] {
    return this.#network.within(this.#count);
  }

  get loginAddress(): string {
    return this.#network.address(this.#count);
  }

  /** Runs one of Slurm's commands on the login node. @returns what it printed */
  async run(program: string, ...args: readonly string[]): Promise<string> {
    const [first, ...rest] = [...this.within(), program, ...args];
    const { stdout } = await promisify(execFile)(first!, rest, { env: { ...process.env, ...this.env } });
    return stdout.trim();
  }

  /** A job from a script's text. @returns its id */
  async submit(script: string, ...args: readonly string[]): Promise<string> {
    const path = join(this.folder, `job-${randomBytes(4).toString('hex')}.sh`);
    writeFileSync(path, script);
    return this.run('sbatch', '--parsable', `--chdir=${this.folder}`, ...args, path);
  }

  /** As `scontrol show job` says it: RUNNING, PENDING, COMPLETED … */
  async fieldsOf(job: string): Promise<Readonly<Record<string, string>>> {
    const line = await this.run('scontrol', '--oneliner', 'show', 'job', job);
    return Object.fromEntries([...line.matchAll(/(\w+)=(\S*)/g)].map(([, name, value]) => [name!, value!]));
  }

  async untilState(job: string, ...states: readonly string[]): Promise<void> {
    const isThere = async () => states.includes((await this.fieldsOf(job)).JobState ?? '');
    await this.until(isThere, `job ${job} is ${states.join(' or ')}`);
  }

  /** Waits until `condition` holds; a command that fails is one that is to be tried again. */
  async until(condition: () => Promise<boolean>, what: string): Promise<void> {
    for (const endMs = Date.now() + WAIT_MS_MAX; Date.now() < endMs; ) {
      if (await condition().catch(() => false)) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new Error(
      `Slurm: never came true: ${what}\n${await this.run('squeue', '--all').catch(String)}\n${this.#logs()}`,
    );
  }

  /** No job holds a node, and every node would take one. */
  async untilIdle(): Promise<void> {
    const isIdle = async () => {
      const states = (await this.run('sinfo', '--noheader', '--Node', '--partition=train', '--format=%T')).split('\n');
      return states.length === this.#count && states.every((state) => state === 'idle');
    };
    await this.until(isIdle, `all ${this.#count} nodes are idle`);
  }

  /** Processes of jobs on all nodes: everything but Slurm's own daemon. */
  processesOfJobs(): number[] {
    return this.nodes.flatMap((node) => node.processes()).filter((pid) => commandOf(pid) !== 'slurmd');
  }

  /** Cancels every job, ends every process and removes every file. */
  async end(): Promise<void> {
    await this.run('scancel', '--user=root').catch(() => {});
    await Promise.all(this.nodes.map((node) => node.kill()));
    for (const daemon of this.#daemons.reverse()) await ended(daemon);
    this.#network.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #start({ graceSeconds = 30, killWaitSeconds = 30 }: SlurmOptions): Promise<void> {
    chmodSync(this.folder, 0o755);
    for (const name of ['munge', 'state', 'spool', 'log']) mkdirSync(join(this.folder, name), { mode: 0o755 });
    const names = Array.from({ length: this.#count }, (_, node) => `node-${node}`);
    const nodes = names.map((name, node) => ({ name, address: this.#network.address(node) }));
    const controllerAddress = this.loginAddress;
    const settings = { folder: this.folder, controllerAddress, nodes, graceSeconds, killWaitSeconds };
    writeFileSync(join(this.folder, 'slurm.conf'), slurmConf(settings));
    const gres = gresConf(this.folder);
    writeFileSync(join(this.folder, 'gres.conf'), gres.text);
    // Slurm takes character devices alone; these are as /dev/null.
    for (const device of gres.files) execFileSync('mknod', [device, 'c', '1', '3']);
    await this.#startMunge();
    this.#daemon('slurmctld', [...this.within(), 'slurmctld', '-D']);
    await this.until(() => this.run('scontrol', 'ping').then((said) => / is UP/.test(said)), 'slurmctld answers');
    const addresses = Object.fromEntries(nodes.map(({ name, address }) => [name, address]));
    const hostsFile = writeHostsFile(this.folder, addresses);
    for (const [host, name] of names.entries()) {
      const node = await Machine.start({ network: this.#network, host, name, hostsFile });
      this.nodes.push(node);
      mkdirSync(join(this.folder, 'spool', name));
      this.#daemon(name, [...node.within(), 'slurmd', '-D', '-N', name]);
    }
    await this.untilIdle();
  }

  /** One for all machines: they share its socket, which is a file. */
  async #startMunge(): Promise<void> {
    const folder = join(this.folder, 'munge');
    writeFileSync(join(folder, 'key'), randomBytes(128), { mode: 0o600 });
    const files = { 'key-file': 'key', socket: 'socket', 'pid-file': 'pid', 'log-file': 'log', 'seed-file': 'seed' };
    const options = Object.entries(files).map(([option, name]) => `--${option}=${join(folder, name)}`);
    this.#daemon('munged', ['munged', '--foreground', ...options]);
    const call = () => this.run('munge', '--no-input', `--socket=${join(folder, 'socket')}`);
    await this.until(() => call().then(() => true), 'munged answers');
  }

  #daemon(name: string, command: readonly string[]): void {
    const log = openSync(join(this.folder, 'log', name), 'a');
    const [program, ...args] = command;
    this.#daemons.push(spawn(program!, args, { env: { ...process.env, ...this.env }, stdio: ['ignore', log, log] }));
  }

  /** The end of what each daemon wrote. */
  #logs(): string {
    const names = ['munged', 'slurmctld', ...this.nodes.map(({ name }) => name)];
    const end = (name: string): string => {
      try {
        return readFileSync(join(this.folder, 'log', name), 'utf8').slice(-2_000);
      } catch {
        return '';
      }
    };
    return names.map((name) => `--- ${name}\n${end(name)}`).join('\n');
  }
}

async function ended(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const closed = once(daemon, 'close');
  daemon.kill('SIGKILL');
  await closed;
}

function commandOf(pid: number): string {
  if (!isAlive(pid)) return '';
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}
