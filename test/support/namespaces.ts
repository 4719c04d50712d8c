import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';

/** From the range kept for such tests (RFC 2544): it is nobody's, and never leaves these namespaces. */
const SUBNET = '198.18.0';
const BRIDGE = 'switch';
const LINK = 'net';
/** In /proc/net/tcp. */
const LISTENING = '0A';

export interface Limit {
  /** As `tc` takes it: `100mbit`. */
  readonly rate: string;
  /** Bytes that may go at once; at least what the rate moves in a timer tick. @default 64kb */
  readonly burst?: string;
  /** How long a packet may wait before it is dropped, as `tc` takes it. @default 200ms */
  readonly latency?: string;
}

/** Why network namespaces cannot be used here; empty: they can. */
export function namespacesProblem(): string {
  if (process.platform !== 'linux') return 'network namespaces are a thing of Linux';
  if (process.getuid?.() !== 0) return 'only root makes network namespaces';
  const probe = `gantry-probe-${process.pid}`;
  try {
    ip('netns', 'add', probe);
    ip('-n', probe, 'link', 'add', BRIDGE, 'type', 'bridge');
    return '';
  } catch (error) {
    return `network namespaces are not to be had: ${(error as Error).message.split('\n').at(-2) ?? ''}`;
  } finally {
    removeNamespace(probe);
  }
}

/**
 * Why tests of lost and slow hosts are skipped here; empty: they are not.
 * @throws Error with that reason where GANTRY_REQUIRE_CHAOS=1, as continuous integration sets it: none is skipped there
 */
export function lostHostsProblem(): string {
  const problem = namespacesProblem();
  if (problem !== '' && process.env.GANTRY_REQUIRE_CHAOS === '1') {
    throw new Error(`GANTRY_REQUIRE_CHAOS is set: ${problem}`);
  }
  return problem;
}

/**
 * Hosts on one switch, each a network namespace with one link, and the switch in another one: nothing of the machine's own
 * network is touched. A link can be cut, mended and slowed while processes use it.
 */
export class Network {
  static #made = 0;
  readonly #prefix = `gantry-${process.pid}-${Network.#made++}`;
  readonly #hosts: number;

  constructor(hosts: number) {
    this.#hosts = hosts;
    try {
      this.#build();
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  address(host: number): string {
    return `${SUBNET}.${host + 1}`;
  }

  /** Starts a program on a host. */
  spawn(host: number, command: readonly [string, ...string[]], options: SpawnOptions = {}): ChildProcess {
    const [program, ...rest] = [...this.within(host), ...command];
    return spawn(program!, rest, options);
  }

  /** A command that becomes the one behind it, on a host. */
  within(host: number): string[] {
    return ['ip', 'netns', 'exec', this.#name(host)];
  }

  /** As `nsenter --net=` takes it; unlike `ip netns exec` that leaves /sys, with its control groups, as it is. */
  namespaceFile(host: number): string {
    return `/run/netns/${this.#name(host)}`;
  }

  /** No packet goes in or out of a host, and nobody is told: as when a switch loses its power. */
  cut(host: number): void {
    ip('-n', this.#switch, 'link', 'set', `port-${host}`, 'down');
  }

  mend(host: number): void {
    ip('-n', this.#switch, 'link', 'set', `port-${host}`, 'up');
  }

  /** Nothing goes from a host to another one, as behind a firewall; either still reaches the rest. */
  block(host: number, other: number): void {
    ip('-n', this.#name(host), 'route', 'add', 'blackhole', this.address(other));
  }

  unblock(host: number, other: number): void {
    ip('-n', this.#name(host), 'route', 'del', 'blackhole', this.address(other));
  }

  /** How fast a host sends, and the switch to it. */
  limit(host: number, { rate, burst = '64kb', latency = '200ms' }: Limit): void {
    const filter = ['root', 'tbf', 'rate', rate, 'burst', burst, 'latency', latency];
    tc('-n', this.#name(host), 'qdisc', 'replace', 'dev', LINK, ...filter);
    tc('-n', this.#switch, 'qdisc', 'replace', 'dev', `port-${host}`, ...filter);
  }

  /** Whether a process on a host listens at a port of its IPv4 addresses. */
  isListening(host: number, port: number): boolean {
    const [program, ...rest] = [...this.within(host), 'cat', '/proc/net/tcp'];
    const sockets = execFileSync(program!, rest, { encoding: 'utf8' }).split('\n').slice(1);
    const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
    return sockets.some((line) => {
      const [, address, , state] = line.trim().split(/ +/);
      return state === LISTENING && address!.endsWith(local);
    });
  }

  unlimit(host: number): void {
    tc('-n', this.#name(host), 'qdisc', 'del', 'dev', LINK, 'root');
    tc('-n', this.#switch, 'qdisc', 'del', 'dev', `port-${host}`, 'root');
  }

  /** Takes everything away; processes that still run in it keep their namespace until they end. */
  remove(): void {
    for (let host = 0; host < this.#hosts; host++) removeNamespace(this.#name(host));
    removeNamespace(this.#switch);
  }

  #build(): void {
    ip('netns', 'add', this.#switch);
    ip('-n', this.#switch, 'link', 'add', BRIDGE, 'type', 'bridge');
    ip('-n', this.#switch, 'link', 'set', BRIDGE, 'up');
    for (let host = 0; host < this.#hosts; host++) this.#connect(host);
  }

  #connect(host: number): void {
    const name = this.#name(host);
    const port = `port-${host}`;
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'set', 'lo', 'up');
    ip('-n', name, 'link', 'add', LINK, 'type', 'veth', 'peer', 'name', port, 'netns', this.#switch);
    ip('-n', name, 'addr', 'add', `${this.address(host)}/24`, 'dev', LINK);
    ip('-n', name, 'link', 'set', LINK, 'up');
    ip('-n', this.#switch, 'link', 'set', port, 'master', BRIDGE, 'up');
  }

  get #switch(): string {
    return `${this.#prefix}-switch`;
  }

  #name(host: number): string {
    return `${this.#prefix}-${host}`;
  }
}

/** Those of tests that were killed: their name holds the pid. */
export function removeStaleNamespaces(): void {
  for (const line of ip('netns', 'list').split('\n')) {
    const pid = /^gantry-(?:probe-)?(\d+)/.exec(line)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) removeNamespace(line.split(' ')[0]!);
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function removeNamespace(name: string): void {
  try {
    ip('netns', 'del', name);
  } catch {
    // It was never made, or is gone.
  }
}

function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function tc(...args: readonly string[]): void {
  execFileSync('tc', args, { stdio: ['ignore', 'pipe', 'pipe'] });
}
