import type { Readable } from 'node:stream';
import { GenericContainer, getContainerRuntimeClient, Network, type StartedNetwork } from 'testcontainers';
import { type Event, EventLog } from './event-log.js';
import type { Finished } from './gantry.js';

/** Of the image; on machines where tests run as somebody else, that one's, who has to read keys and write runs. */
export const USER = process.getuid?.() === 0 ? '10001:10001' : `${process.getuid?.()}:${process.getgid?.()}`;
const SHARED_MEMORY_BYTES = 256 * 2 ** 20;
/** Each takes the kernel some milliseconds. */
const FREEZES_MAX = 100;

/** Ids of every network and container of this process. Others may use the same daemon at the same time. */
const started = new Set<string>();

export interface Mount {
  /** On this machine. */
  readonly source: string;
  readonly target: string;
  /** @default false */
  readonly writable?: boolean;
}

/** What a container is started from; all of it is what a pod's specification says as well. */
export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  /** Behind the image's entrypoint, which is `gantry`. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly mounts?: readonly Mount[];
  /** Numbers of user and group. @default USER */
  readonly user?: string;
  /** @default the container's id, so that it is a host of its own */
  readonly hostname?: string;
  /** Size of /dev/shm. @default 256 MiB */
  readonly sharedMemoryBytes?: number;
}

/** With the rights of Kubernetes' restricted pods: nothing to write but /tmp, no capability, nothing to be gained by setuid. */
class RestrictedContainer extends GenericContainer {
  constructor(spec: ContainerSpec, network: StartedNetwork) {
    super(spec.image);
    // withNetworkAliases would leave it in Docker's own network as well: a link that no test can cut.
    this.createOpts.NetworkingConfig = { EndpointsConfig: { [network.getName()]: { Aliases: [spec.name] } } };
    this.withNetwork(network);
    this.hostConfig.ReadonlyRootfs = true;
    this.hostConfig.SecurityOpt = ['no-new-privileges'];
    this.withCommand([...spec.args])
      .withUser(spec.user ?? USER)
      .withDroppedCapabilities('ALL')
      .withTmpFs({ '/tmp': 'rw,size=64m' })
      .withSharedMemorySize(spec.sharedMemoryBytes ?? SHARED_MEMORY_BYTES)
      .withEnvironment({ ...spec.env })
      .withBindMounts(
        (spec.mounts ?? []).map(({ source, target, writable = false }) => ({
          ...{ source, target, mode: writable ? 'rw' : 'ro' },
        })),
      );
    if (spec.hostname !== undefined) this.withHostname(spec.hostname);
  }
}

/** Containers that reach each other by name, and nothing else. */
export class ContainerNetwork {
  readonly #network: StartedNetwork;
  readonly #containers: RunningContainer[] = [];

  private constructor(network: StartedNetwork) {
    this.#network = network;
  }

  static async create(): Promise<ContainerNetwork> {
    const network = await new Network().start();
    started.add(network.getId());
    return new ContainerNetwork(network);
  }

  /** Starts a container that the others reach by its name. */
  async start(spec: ContainerSpec): Promise<RunningContainer> {
    const log = new EventLog();
    const container = new RestrictedContainer(spec, this.#network).withLogConsumer((stream: Readable) => {
      stream.on('data', (text: string) => log.read(text)).on('end', () => log.end());
    });
    const id = (await container.start()).getId();
    started.add(id);
    const running = new RunningContainer(id, spec.name, log, this.#network.getId());
    this.#containers.push(running);
    return running;
  }

  /** Takes all of it away, whatever it does. */
  async remove(): Promise<void> {
    for (const container of this.#containers) await container.remove();
    await this.#network.stop();
  }
}

/** A container and what its `gantry` command prints. */
export class RunningContainer {
  readonly id: string;
  readonly name: string;
  readonly log: EventLog;
  readonly finished: Promise<Finished>;
  readonly #networkId: string;

  constructor(id: string, name: string, log: EventLog, networkId: string) {
    this.id = id;
    this.name = name;
    this.log = log;
    this.#networkId = networkId;
    this.finished = this.#wait();
  }

  get events(): readonly Event[] {
    return this.log.events;
  }

  /** As `docker kill`. */
  async kill(signal = 'SIGKILL'): Promise<void> {
    await (await this.#container()).kill({ signal });
  }

  /** As `docker stop`: SIGTERM, and SIGKILL if that does not end it. */
  async stop(): Promise<Finished> {
    await (await this.#container()).stop({ t: 30 });
    return this.finished;
  }

  /** The kernel may not freeze processes that are in the middle of something: then nothing is frozen, and it is tried again. */
  async pause(): Promise<void> {
    const container = await this.#container();
    for (let tries = 1; ; tries++) {
      try {
        return await container.pause();
      } catch (error) {
        if (tries === FREEZES_MAX || !(error as Error).message.includes('unable to freeze')) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async unpause(): Promise<void> {
    await (await this.#container()).unpause();
  }

  /** Its link is gone; nobody is told. */
  async disconnect(): Promise<void> {
    await (await docker()).getNetwork(this.#networkId).disconnect({ Container: this.id, Force: true });
  }

  async connect(): Promise<void> {
    const EndpointConfig = { Aliases: [this.name] };
    await (await docker()).getNetwork(this.#networkId).connect({ Container: this.id, EndpointConfig });
  }

  async inspect() {
    return (await this.#container()).inspect();
  }

  /** Runs a command in it, as `docker exec` does. */
  async exec(command: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
    const { container } = await getContainerRuntimeClient();
    const { exitCode, output } = await container.exec(await this.#container(), [...command]);
    return { code: exitCode, output };
  }

  async remove(): Promise<void> {
    await (await this.#container()).remove({ force: true, v: true });
  }

  async #container() {
    return (await docker()).getContainer(this.id);
  }

  async #wait(): Promise<Finished> {
    const { StatusCode } = (await (await this.#container()).wait()) as { StatusCode: number };
    await this.log.ended();
    return { code: StatusCode, events: this.events, stdout: this.log.text, stderr: '' };
  }
}

/** What is left of the networks and containers that this process started. */
export async function leftOvers(): Promise<string[]> {
  const client = await docker();
  const all = [...(await client.listContainers({ all: true })), ...(await client.listNetworks())];
  return all.map(({ Id }) => Id).filter((id) => started.has(id));
}

async function docker() {
  return (await getContainerRuntimeClient()).container.dockerode;
}
