import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Network } from './namespaces.js';

/**
 * The first process of a machine: it gets what others left behind, as any init does (a process that nobody waits for would
 * count as running), and ends, and with it all others, when its standard input does.
 */
const INIT = `
  hostname "$1" && mount -t tmpfs none /dev/shm && mount --bind "$2" /etc/hosts && echo ready && cat >/dev/null
  exit`;

export interface MachineOptions {
  readonly network: Network;
  /** Of the network. */
  readonly host: number;
  readonly name: string;
  /** What becomes its /etc/hosts. */
  readonly hostsFile: string;
}

/**
 * A machine of its own, as far as processes can tell: network, host name, processes, shared memory. The file system is that
 * of the real one, as a shared folder would be. `kill` is its mains switch; it also ends with the process that started it.
 */
export class Machine {
  readonly name: string;
  readonly address: string;
  readonly #outer: ChildProcess;
  readonly #initPid: number;

  static async start(options: MachineOptions): Promise<Machine> {
    const { network, host, name, hostsFile } = options;
    const namespaces = ['--mount', '--uts', '--ipc', '--pid', '--mount-proc', '--fork', '--kill-child'];
    const init = ['sh', '-c', INIT, 'init', name, hostsFile];
    const within = [`--net=${network.namespaceFile(host)}`, '--'];
    const outer = spawn('nsenter', [...within, 'unshare', ...namespaces, ...init], { stdio: 'pipe' });
    let said = '';
    outer.stderr!.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await Promise.race([once(outer.stdout!, 'data'), once(outer, 'close')]);
    if (outer.exitCode !== null) throw new Error(`machine ${name} did not start: ${said}`);
    return new Machine(options, outer);
  }

  private constructor({ network, host, name }: MachineOptions, outer: ChildProcess) {
    this.name = name;
    this.address = network.address(host);
    this.#outer = outer;
    this.#initPid = Number(readFileSync(`/proc/${outer.pid}/task/${outer.pid}/children`, 'utf8'));
  }

  /** A command that runs the one behind it there; a signal to it does not reach that one. */
  within(): string[] {
    return ['nsenter', '--target', String(this.#initPid), '--mount', '--uts', '--ipc', '--net', '--pid', '--'];
  }

  /** Process ids, as the real machine has them, of whatever runs there but its init and the `cat` that holds it. */
  processes(): number[] {
    const namespace = readlinkSync(`/proc/${this.#initPid}/ns/pid`);
    const isHere = (pid: number): boolean => pid !== this.#initPid && namespaceOf(pid) === namespace;
    return numericNames('/proc').filter((pid) => isHere(pid) && !isOwn(pid, this.#initPid));
  }

  get isUp(): boolean {
    return this.#outer.exitCode === null && this.#outer.signalCode === null;
  }

  /** Everything on it ends at once, and nobody is told. */
  async kill(): Promise<void> {
    if (!this.isUp) return;
    const closed = once(this.#outer, 'close');
    this.#outer.kill('SIGKILL');
    await closed;
  }
}

/** For all machines of a network: who has which address. */
export function writeHostsFile(folder: string, addresses: Readonly<Record<string, string>>): string {
  const path = join(folder, 'hosts');
  const lines = Object.entries({ localhost: '127.0.0.1', ...addresses }).map(([name, address]) => `${address} ${name}`);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

function isOwn(pid: number, initPid: number): boolean {
  try {
    const [, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    return Number(parent) === initPid && readFileSync(`/proc/${pid}/comm`, 'utf8') === 'cat\n';
  } catch {
    return false;
  }
}

function namespaceOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return null;
  }
}

function numericNames(folder: string): number[] {
  return readdirSync(folder)
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}
