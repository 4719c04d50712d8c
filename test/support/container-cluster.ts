import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ContainerNetwork, type Mount, type RunningContainer, USER } from './containers.js';
import { gantry, trainArguments, Workspace } from './gantry.js';

const PORT = 5555;
const COORDINATOR = 'coordinator';
const RUNS = '/work/runs';

export interface WorkerOptions {
  /** Of its network, and of the worker. */
  readonly name: string;
  /** @default the cluster's */
  readonly image?: string;
  /** Its environment, beside the image's. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A coordinator and workers in containers on a network of their own, with keys, as somebody would start them by hand. */
export class ContainerCluster {
  readonly #image: string;
  readonly #network: ContainerNetwork;
  readonly #work = new Workspace();

  private constructor(image: string, network: ContainerNetwork) {
    this.#image = image;
    this.#network = network;
  }

  /** @param names Workers that have keys; those of `strangers` are on no list. */
  static async create(image: string, names: readonly string[], strangers: readonly string[] = []) {
    const cluster = new ContainerCluster(image, await ContainerNetwork.create());
    mkdirSync(join(cluster.#work.path, 'runs'));
    const keys = join(cluster.#work.path, 'keys');
    await gantry(['keygen', '--out', keys, '--worker', ...names, ...strangers]);
    const list = readFileSync(join(keys, 'allowed'), 'utf8').split('\n');
    const isAllowed = (line: string): boolean => !strangers.includes(line.split(' ')[0]!);
    writeFileSync(join(keys, 'allowed'), list.filter(isAllowed).join('\n'));
    chmodSync(cluster.#work.path, 0o755);
    for (const folder of ['runs', 'keys']) giveTo(USER, join(cluster.#work.path, folder));
    return cluster;
  }

  /** A coordinator of a run as `trainArguments` has it. */
  coordinator(options: Readonly<Record<string, string | number>> = {}): Promise<RunningContainer> {
    const [, ...run] = trainArguments(`${RUNS}/run`, { transport: 'shm', ...options });
    return this.#startCoordinator(['--bind', `tcp://0.0.0.0:${PORT}`, ...run]);
  }

  /** The next one, in a container of its own, after the one before has ended. */
  resumedCoordinator(): Promise<RunningContainer> {
    return this.#startCoordinator(['--resume', '--json', '--out', `${RUNS}/run`]);
  }

  worker({ name, image = this.#image, env = {} }: WorkerOptions): Promise<RunningContainer> {
    return this.#network.start({
      ...{ name, image, env, mounts: [this.#mount(`keys/${name}.key`, '/worker.key')] },
      args: ['worker', '--worker', name, '--keys', '/worker.key', '--join', `tcp://${COORDINATOR}:${PORT}`],
    });
  }

  /** On this machine. */
  get runDirectory(): string {
    return join(this.#work.path, 'runs', 'run');
  }

  async remove(): Promise<void> {
    await this.#network.remove();
    this.#work.remove();
  }

  #startCoordinator(args: readonly string[]): Promise<RunningContainer> {
    return this.#network.start({
      ...{ name: COORDINATOR, hostname: COORDINATOR, image: this.#image },
      mounts: [this.#mount('keys', '/keys'), { ...this.#mount('runs', RUNS), writable: true }],
      args: ['coordinator', '--keys', '/keys', ...args],
    });
  }

  #mount(path: string, target: string): Mount {
    return { source: join(this.#work.path, path), target };
  }
}

/** A folder and what is in it, to who will read it in the container. */
export function giveTo(user: string, folder: string): void {
  const [uid, gid] = user.split(':').map(Number) as [number, number];
  for (const path of [folder, ...readdirSync(folder).map((name) => join(folder, name))]) chownSync(path, uid, gid);
}
