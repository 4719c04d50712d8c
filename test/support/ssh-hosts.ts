import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packagesProblem } from './debian-packages.js';
import { Machine, writeHostsFile } from './machine.js';
import { Network, namespacesProblem, removeStaleNamespaces } from './namespaces.js';

const POLL_MS = 100;
/** For a broken installation, not a measurement. */
const TRIES_MAX = 300;
const PACKAGES = [
  { programs: ['sshd'], packages: ['openssh-server'] },
  { programs: ['ssh', 'ssh-keygen'], packages: ['openssh-client'] },
];

/**
 * Why there can be no hosts with ssh here; empty: there can. Installs it where it may.
 * @throws Error with that reason where GANTRY_REQUIRE_SSH=1
 */
export function sshProblem(): string {
  const problem = [namespacesProblem, ...PACKAGES.map((needed) => () => packagesProblem(needed))].reduce(
    (found, next) => found || next(),
    '',
  );
  if (problem !== '' && process.env.GANTRY_REQUIRE_SSH === '1') throw new Error(`no hosts with ssh: ${problem}`);
  return problem;
}

/**
 * Hosts host-0, host-1, …, each with a real sshd (and a host key, network, processes, shared memory of its own), and one more
 * from which they are reached. The file system is the same everywhere.
 */
export class SshHosts {
  readonly folder = mkdtempSync(join(tmpdir(), 'gantry-ssh-'));
  readonly machines: Machine[] = [];
  readonly #daemons: ChildProcess[] = [];
  readonly #network: Network;
  readonly #count: number;

  static async start(count: number): Promise<SshHosts> {
    removeStaleNamespaces();
    const hosts = new SshHosts(count);
    try {
      await hosts.#start();
      return hosts;
    } catch (error) {
      const log = readFileSync(hosts.#path('sshd.log'), { encoding: 'utf8', flag: 'a+' });
      await hosts.end();
      throw new Error(`the hosts did not start: ${(error as Error).message}\n${log}`, { cause: error });
    }
  }

  private constructor(count: number) {
    this.#count = count;
    // The last one is where everything is started from.
    this.#network = new Network(count + 1);
  }

  /** For `ssh -F`. */
  get configFile(): string {
    return this.#path('config');
  }

  /** Of the machine from which the hosts are reached. */
  get address(): string {
    return this.#network.address(this.#count);
  }

  nameOf(host: number): string {
    return `host-${host}`;
  }

  /** A command that becomes the one behind it, on the machine from which the hosts are reached. */
  within(): string[] {
    return this.#network.within(this.#count);
  }

  /** A command that has the one behind it run on a host, by ssh. */
  through(host: number): string[] {
    return [...this.within(), 'ssh', '-F', this.configFile, this.nameOf(host), '--'];
  }

  /** Runs a command on a host. @returns what it printed */
  async run(host: number, command: string): Promise<string> {
    const [program, ...args] = [...this.through(host), command];
    return (await promisify(execFile)(program!, args)).stdout.trim();
  }

  /** The mains switch: not even the ends of its connections are heard of. */
  async powerOff(host: number): Promise<void> {
    this.#network.cut(host);
    await this.machines[host]!.kill();
  }

  async end(): Promise<void> {
    await Promise.all(this.machines.map((machine) => machine.kill()));
    for (const daemon of this.#daemons) daemon.kill('SIGKILL');
    this.#network.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    // Where sshd's child without rights is locked in; Debian's own script makes it, too.
    mkdirSync('/run/sshd', { recursive: true });
    this.#writeFiles();
    const names = Array.from({ length: this.#count }, (_, host) => this.nameOf(host));
    const addresses = Object.fromEntries(names.map((name, host) => [name, this.#network.address(host)]));
    const hostsFile = writeHostsFile(this.folder, addresses);
    for (const [host, name] of names.entries()) {
      const machine = await Machine.start({ network: this.#network, host, name, hostsFile });
      this.machines.push(machine);
      this.#startSshd(machine);
    }
    await Promise.all(names.map((_, host) => this.#untilAnswered(host)));
  }

  #writeFiles(): void {
    const key = this.#makeKey('user-key');
    writeFileSync(this.#path('authorized_keys'), key, { mode: 0o600 });
    const server = {
      AuthorizedKeysFile: this.#path('authorized_keys'),
      // The folder is below one that everybody may write to.
      StrictModes: 'no',
      UsePAM: 'no',
      PasswordAuthentication: 'no',
      KbdInteractiveAuthentication: 'no',
      PermitRootLogin: 'prohibit-password',
      PidFile: 'none',
    };
    writeFileSync(this.#path('sshd_config'), lines(server));
    const client = {
      User: 'root',
      IdentityFile: this.#path('user-key'),
      IdentitiesOnly: 'yes',
      UserKnownHostsFile: this.#path('known_hosts'),
      StrictHostKeyChecking: 'yes',
      BatchMode: 'yes',
      LogLevel: 'ERROR',
    };
    const hosts = Array.from({ length: this.#count }, (_, host) => {
      return `Host ${this.nameOf(host)}\nHostName ${this.#network.address(host)}\n`;
    });
    writeFileSync(this.configFile, `Host *\n${lines(client)}${hosts.join('')}`);
  }

  #startSshd(machine: Machine): void {
    const hostKey = this.#makeKey(machine.name);
    appendFileSync(this.#path('known_hosts'), `${machine.address} ${hostKey}`);
    const log = openSync(this.#path('sshd.log'), 'a');
    // sshd wants to be called by its full path: it starts itself again for every connection.
    const args = ['/usr/sbin/sshd', '-D', '-e', '-f', this.#path('sshd_config'), '-h', this.#path(machine.name)];
    const [program, ...rest] = [...machine.within(), ...args];
    this.#daemons.push(spawn(program!, rest, { stdio: ['ignore', log, log] }));
  }

  async #untilAnswered(host: number): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.run(host, 'true');
        return;
      } catch (error) {
        if (tries === TRIES_MAX) throw error;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    }
  }

  /** @returns the public part, a line */
  #makeKey(name: string): string {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', this.#path(name)]);
    return readFileSync(`${this.#path(name)}.pub`, 'utf8');
  }

  #path(name: string): string {
    return join(this.folder, name);
  }
}

function lines(words: Readonly<Record<string, string>>): string {
  return Object.entries(words)
    .map(([name, value]) => `${name} ${value}\n`)
    .join('');
}
