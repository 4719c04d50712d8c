import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command, lastLine, outputOf, succeeds } from './command.js';
import { packagesProblem } from './debian-packages.js';
import { isAlive } from './gantry.js';

/** Images survive here from one run of the tests to the next; delete the folder to begin anew. */
const DATA = '/var/cache/gantry-tests/docker';
/** Sockets and what else belongs to a daemon that runs. */
const RUN = '/run/gantry-tests-docker';
const SOCKET = `unix://${RUN}/docker.sock`;
const PID_FILE = join(RUN, 'docker.pid');
/** A file for each process that uses the daemon, named by its pid: the last one to leave ends it. */
const USERS = join(RUN, 'users');
const PACKAGES = ['docker.io', 'iptables', 'iproute2', 'debootstrap'];
const PROGRAMS = ['dockerd', 'iptables', 'ip', 'debootstrap', 'docker'];
/** From the range kept for such tests (RFC 2544): it is nobody's. */
const ADDRESSES = 'base=198.18.0.0/16,size=24';
const ANSWER_MS = 20_000;

/** A Docker daemon that tests may use, or why there is none. */
export interface Docker {
  /** Empty: there is one. */
  readonly problem: string;
  /** Whether it is started by tests, and for them alone. */
  readonly isOwn: boolean;
  /** Its address, as DOCKER_HOST takes it. */
  readonly host: string;
  /** A client that builds with BuildKit. */
  readonly client: string;
  /** Ends the daemon if this process was the last to use one that tests had started. */
  stop(): Promise<void>;
}

/**
 * The daemon that runs, or else one of our own: as root on Debian, which installs what is missing. It touches nothing of the
 * machine's network but the bridges of the networks that tests make: no firewall, no forwarding, no docker0.
 *
 * @throws Error with GANTRY_REQUIRE_DOCKER=1, as continuous integration sets it, where there is none: no test is skipped there.
 */
export async function openDocker(): Promise<Docker> {
  const docker = await findOrStart();
  if (docker.problem !== '' && process.env.GANTRY_REQUIRE_DOCKER === '1') {
    throw new Error(`GANTRY_REQUIRE_DOCKER is set, and there is no Docker: ${docker.problem}`);
  }
  if (docker.problem === '') useByTestcontainers(docker);
  return docker;
}

/** To stand behind a test's name that is skipped without Docker. */
export function skipReason({ problem }: Docker): string {
  return problem === '' ? '' : ` (skipped: ${problem})`;
}

async function findOrStart(): Promise<Docker> {
  const host = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  if (await answers(host)) {
    const client = await builder();
    const problem = client === '' ? 'the docker command cannot build: it needs the buildx plugin' : '';
    return { problem, isOwn: false, host, client, stop: async () => {} };
  }
  const problem = await startOwn().catch((error: Error) => `Docker could not be started: ${error.message}`);
  return { problem, isOwn: true, host: SOCKET, client: await builder(), stop: stopOwn };
}

/**
 * Its settings come from the environment alone. The container that cleans up after it could not be pulled everywhere; where
 * published ports are it would ask docker0, and none is published here.
 */
function useByTestcontainers({ host }: Docker): void {
  process.env.DOCKER_HOST = host;
  process.env.TESTCONTAINERS_HOST_OVERRIDE ??= 'localhost';
  process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';
}

async function answers(host: string): Promise<boolean> {
  const [client] = await clients();
  return client !== undefined && succeeds(client, ['--host', host, 'version'], { timeoutMs: ANSWER_MS });
}

/** Debian's own first: it builds without a plugin. */
async function clients(): Promise<string[]> {
  const found: string[] = [];
  for (const client of ['/usr/bin/docker', 'docker']) if (await succeeds(client, ['--version'])) found.push(client);
  return found;
}

/** Up to version 22 the client builds by itself, later ones by a plugin; empty: none of them can. */
async function builder(): Promise<string> {
  for (const client of await clients()) {
    const major = /version (\d+)/.exec(await outputOf(client, ['--version']))?.[1];
    if (Number(major) < 23 || (await succeeds(client, ['buildx', 'version']))) return client;
  }
  return '';
}

/** @returns why it could not be; empty: it runs. */
async function startOwn(): Promise<string> {
  if (process.platform !== 'linux') return 'no Docker daemon answers';
  if (process.getuid?.() !== 0) return 'no Docker daemon answers, and only root can start one';
  const missing = packagesProblem({ programs: PROGRAMS, packages: PACKAGES });
  if (missing !== '') return missing;
  mkdirSync(USERS, { recursive: true });
  writeFileSync(join(USERS, String(process.pid)), '');
  return (await answers(SOCKET)) ? '' : startDaemon();
}

async function startDaemon(): Promise<string> {
  mkdirSync(DATA, { recursive: true });
  const log = join(RUN, 'log');
  const child = spawn('dockerd', daemonOptions(), { detached: true, stdio: ['ignore', 'ignore', openSync(log, 'w')] });
  child.unref();
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  while (!(await answers(SOCKET))) {
    if (hasEnded()) return `dockerd ends at once: ${lastLine(readFileSync(log, 'utf8'))}`;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  // Those of tests that were killed.
  for (const kind of ['container', 'network']) {
    await command('/usr/bin/docker', ['--host', SOCKET, kind, 'prune', '--force']);
  }
  return '';
}

function daemonOptions(): string[] {
  return [
    ...['--host', SOCKET, '--pidfile', PID_FILE, '--data-root', DATA, '--exec-root', join(RUN, 'exec')],
    ...['--storage-driver', 'overlay2', '--default-address-pool', ADDRESSES, '--bridge', 'none'],
    ...['--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false'],
  ];
}

async function stopOwn(): Promise<void> {
  rmSync(join(USERS, String(process.pid)), { force: true });
  if (readdirSync(USERS).some((pid) => isAlive(Number(pid)))) return;
  const pid = Number(readFileSync(PID_FILE, 'utf8'));
  process.kill(pid, 'SIGTERM');
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 100));
  rmSync(RUN, { recursive: true, force: true });
}
