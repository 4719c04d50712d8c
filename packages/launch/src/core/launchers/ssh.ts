import { assert, shellQuote } from '@gantry/common';
import type { Cluster, SshHost } from '../cluster.js';
import type { AttachedPlan, Check, Command, LaunchContext, PlannedProcess } from '../plan.js';
import { coordinatorArguments, LEAVE_ON_EOF, settingsFile, workersWithKeys } from './parts.js';

/** Ends the key on a worker's standard input, which stays open behind it. */
const KEY_END = '.';
/** Exit code of ssh where there was no connection; any other one is that of the command behind it. */
const NOT_REACHED = 255;
/** A connection that is dead is noticed after 15 s, in seconds and times; the run itself notices by its lease. */
const OPTIONS = ['BatchMode=yes', 'ConnectTimeout=10', 'ServerAliveInterval=5', 'ServerAliveCountMax=3'];

/**
 * The coordinator on this machine, workers on others, by the system's ssh and its configuration. A worker's key travels on its
 * standard input, so that it is in no list of processes and in no file there; and by the end of that input it leaves.
 */
export function planSsh(cluster: Cluster, context: LaunchContext): AttachedPlan {
  const { ssh, out, keys, port } = cluster;
  assert(ssh !== null && keys !== null, 'a cluster of launcher ssh has hosts and keys');
  const settings = settingsFile(cluster, context);
  const address = cluster.address ?? context.ownAddress;
  const endpoint = `tcp://${address}:${port}`;
  const coordinator = coordinatorArguments({ settings: settings.path, out, keys, bind: endpoint });
  const slots = ssh.hosts.flatMap((host) => Array.from({ length: host.workers }, (_, slot) => ({ host, slot })));
  const names = workersWithKeys(cluster, context);
  return {
    kind: 'attached',
    files: [settings],
    checks: ssh.hosts.flatMap((host) => checksOf(host, ssh.configFile, context.version)),
    bind: endpoint,
    coordinator: {
      name: 'coordinator',
      place: 'this machine',
      command: { argv: [...context.gantry, ...coordinator], env: { ...cluster.environment, ...LEAVE_ON_EOF } },
    },
    places: slots.slice(0, names.length).map(({ host, slot }, index): PlannedProcess => {
      const name = names[index]!;
      const env = {
        ...cluster.environment,
        ...placeEnvironment(host, slot),
        GANTRY_JOIN: endpoint,
        GANTRY_WORKER: name,
      };
      const command = onHost(host, ssh.configFile, workerScript(host, env));
      return {
        name,
        place: host.host,
        command: { ...command, stdin: { files: [`${keys}/${name}.key`], end: `${KEY_END}\n` } },
      };
    }),
  };
}

function checksOf(host: SshHost, configFile: string | null, version: string): Check[] {
  const gantry = `${inDirectory(host)}${host.command}`;
  const reach = `Is it up, and its name and address right? ssh ${host.host} true has to end well, and to ask for nothing`;
  const found = `Gantry ${version} on ${host.host}`;
  return [
    {
      what: found,
      command: onHost(host, configFile, `${gantry} --version`),
      expects: `gantry ${version}`,
      remedy: `Every host needs the same version: ssh ${host.host} ${shellQuote(`${gantry} --version`)} shows what is there`,
      remedies: { [NOT_REACHED]: reach },
    },
    {
      what: `${host.host} is fit`,
      command: onHost(host, configFile, `${gantry} doctor`),
      remedy: `ssh ${host.host} ${shellQuote(`${gantry} doctor`)} shows what is missing, and the commands that mend it`,
      after: found,
    },
  ];
}

export function onHost({ host }: SshHost, configFile: string | null, script: string): Command {
  const config = configFile === null ? [] : ['-F', configFile];
  return { argv: ['ssh', ...config, ...OPTIONS.flatMap((option) => ['-o', option]), host, script] };
}

/** For any POSIX shell. */
function workerScript(host: SshHost, env: Readonly<Record<string, string>>): string {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${shellQuote(value)}`);
  return [
    `GANTRY_LAUNCH_KEY="$(while IFS= read -r line && [ "$line" != ${KEY_END} ]; do printf '%s\\n' "$line"; done)"`,
    `export GANTRY_LAUNCH_KEY ${variables.join(' ')}`,
    `${inDirectory(host)}exec ${host.command} worker`,
  ].join('; ');
}

/** Gantry with these words, as the host's shell takes it; what it listens for ends with the connection. */
export function wordsOn(host: SshHost, words: readonly string[]): string {
  return `${inDirectory(host)}GANTRY_LEAVE_ON_EOF=1 ${host.command} ${words.map(shellQuote).join(' ')}`;
}

function inDirectory({ directory }: SshHost): string {
  return directory === null ? '' : `cd ${shellQuote(directory)} && `;
}

/** Host ids are the file's names, since machines of one image may share theirs. */
function placeEnvironment({ host, devices, address }: SshHost, slot: number): Record<string, string> {
  const device = devices[slot];
  return {
    ...LEAVE_ON_EOF,
    GANTRY_HOST_ID: host.replace(/[^A-Za-z0-9._:-]/g, '-'),
    ...(device === undefined ? {} : { GANTRY_DEVICE: device }),
    ...(address === null ? {} : { GANTRY_DATA_HOST: address }),
  };
}
