import { connect } from 'node:net';
import { join } from 'node:path';
import { gantry } from '../support/gantry.js';
import { Network, namespacesProblem, removeStaleNamespaces } from '../support/namespaces.js';

/** What a command of the run is given to be where it belongs. */
export interface Spot {
  readonly args: readonly string[];
  readonly within: readonly string[];
}

/** Where the processes of a run are. */
export interface Place {
  /** That workers can be on. */
  readonly hosts: number;
  /** Null: there are no links, all is one machine. */
  readonly links: Links | null;
  readonly coordinator: Spot;
  worker(host: number): Spot;
  /** Whether anybody listens at `tcp://HOST:PORT`. */
  isBound(endpoint: string): Promise<boolean>;
}

export const ONE_MACHINE: Place = {
  hosts: 1,
  links: null,
  coordinator: { args: [], within: [] },
  worker: () => ({ args: [], within: [] }),
  isBound(endpoint) {
    const { hostname, port } = new URL(endpoint);
    return new Promise((resolve) => {
      const socket = connect({ host: hostname, port: Number(port) });
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
  },
};

const WORKER_HOSTS = ['alice', 'bob', 'carol', 'dave'] as const;
/** Behind the workers' hosts. */
const COORDINATOR = WORKER_HOSTS.length;

/** The links of hosts, the coordinator's the last. What is done to one twice at once ends with the first end. */
export class Links {
  readonly count = COORDINATOR + 1;
  readonly #network: Network;
  readonly #slow = new Set<number>();

  constructor(network: Network) {
    this.#network = network;
  }

  nameOf(host: number): string {
    return WORKER_HOSTS[host] ?? 'the coordinator';
  }

  isCoordinators(host: number): boolean {
    return host === COORDINATOR;
  }

  cut(host: number): void {
    this.#network.cut(host);
  }

  mend(host: number): void {
    this.#network.mend(host);
  }

  slow(host: number, rate: string): void {
    this.#slow.add(host);
    this.#network.limit(host, { rate });
  }

  hasten(host: number): void {
    if (this.#slow.delete(host)) this.#network.unlimit(host);
  }

  /** All as they were in the beginning. */
  restore(): void {
    for (let host = 0; host < this.count; host++) {
      this.mend(host);
      this.hasten(host);
    }
  }
}

/** Every worker's host, and the coordinator's, a network namespace on one switch; everything encrypted. */
export class SwitchedHosts implements Place {
  readonly hosts = WORKER_HOSTS.length;
  readonly links: Links;
  readonly coordinator: Spot;
  readonly #network: Network;
  readonly #keys: string;

  /** Null where there are no network namespaces. @param folder for the keys */
  static async make(folder: string): Promise<SwitchedHosts | null> {
    if (namespacesProblem() !== '') return null;
    removeStaleNamespaces();
    const keys = join(folder, 'keys');
    const made = await gantry(['keygen', '--out', keys, '--worker', ...WORKER_HOSTS]);
    if (made.code !== 0) throw new Error(`no keys: ${made.stderr}`);
    return new SwitchedHosts(new Network(COORDINATOR + 1), keys);
  }

  private constructor(network: Network, keys: string) {
    this.#network = network;
    this.#keys = keys;
    this.links = new Links(network);
    const bind = `tcp://${network.address(COORDINATOR)}:0`;
    this.coordinator = { args: ['--keys', keys, '--bind', bind], within: network.within(COORDINATOR) };
  }

  worker(host: number): Spot {
    const name = WORKER_HOSTS[host]!;
    const args = ['--host-id', name, '--keys', join(this.#keys, `${name}.key`)];
    return { args, within: this.#network.within(host) };
  }

  async isBound(endpoint: string): Promise<boolean> {
    return this.#network.isListening(COORDINATOR, Number(new URL(endpoint).port));
  }

  remove(): void {
    this.#network.remove();
  }
}
