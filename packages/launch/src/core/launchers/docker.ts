import { plural } from '@gantry/common';
import { stringify } from 'yaml';
import type { Cluster } from '../cluster.js';
import { LEAVE_SECONDS } from '../constants.js';
import type { Command, Health, LaunchContext, SubmittedPlan } from '../plan.js';
import { coordinatorArguments, settingsFile, workersWithKeys } from './parts.js';

const SETTINGS = '/etc/gantry/gantry.yaml';
const KEYS = '/keys';
const RUN = '/run-directory';

/**
 * Containers of one machine by a compose file: the coordinator, and a service for every worker that has a key, since each
 * sees its own key alone. Those of them that are wanted are started.
 */
export function planDocker(cluster: Cluster, context: LaunchContext): SubmittedPlan {
  const { name } = cluster;
  const workers = workersWithKeys(cluster, context);
  const settings = settingsFile(cluster, context);
  const path = `${context.folder}/compose.yaml`;
  const compose = (...argv: readonly string[]): Command => ({
    argv: [...context.compose, '--project-name', name, '--file', path, ...argv],
  });
  const wanted = workers.slice(0, cluster.workers);
  const seconds = String(LEAVE_SECONDS);
  return {
    kind: 'submitted',
    files: [settings, { path, text: composeFile(cluster, context, settings.path) }],
    folders: [cluster.out],
    checks: [
      {
        what: 'Docker answers',
        command: { argv: ['docker', 'version', '--format', '{{.Server.Version}}'] },
        remedy: 'Start the Docker daemon, add this user to the group docker, or mend DOCKER_HOST where that is set',
      },
      {
        what: `image ${cluster.image}`,
        command: { argv: ['docker', 'image', 'inspect', '--format', '{{.Id}}', cluster.image] },
        remedy: `Build it (docker build -t ${cluster.image} -f deploy/Dockerfile .), or pull it: docker pull ${cluster.image}`,
        after: 'Docker answers',
      },
    ],
    start: [compose('up', '--detach', 'coordinator', ...wanted)],
    coordinatorOutput: compose('logs', '--no-color', '--no-log-prefix', '--follow', 'coordinator'),
    workerOutput: compose('logs', '--no-color', '--follow', ...wanted),
    logs: compose('logs', '--no-color'),
    status: compose('ps'),
    health: {
      argv: ['docker', 'ps', '--all', '--filter', `label=com.docker.compose.project=${name}`, '--format', PS_FORMAT],
    },
    diagnose,
    stop: [compose('stop', '--timeout', seconds, 'coordinator'), compose('stop', '--timeout', seconds)],
    remove: [compose('down', '--timeout', seconds)],
    scale: ({ current, wanted: next }) => {
      if (next > current) return [compose('up', '--detach', '--no-recreate', ...workers.slice(current, next))];
      const leaving = workers.slice(next, current);
      return [compose('stop', '--timeout', seconds, ...leaving), compose('rm', '--force', ...leaving)];
    },
    workersMax: workers.length,
  };
}

/** Service, state and exit code of every container. */
const PS_FORMAT = '{{.Label "com.docker.compose.service"}}\t{{.State}}\t{{.Status}}';

/** The run is over when its coordinator has ended, and Docker starts it no more. */
function diagnose(output: string): Health {
  const lines = output.split('\n').map((line) => line.split('\t'));
  const [, state = '', status = ''] = lines.find(([service]) => service === 'coordinator') ?? [];
  if (state === '') return { isOver: true, problem: 'there is no container of the coordinator any more' };
  if (state === 'restarting')
    return { isOver: false, problem: `the coordinator failed and is started again: ${status}` };
  if (state !== 'exited' && state !== 'dead') return { isOver: false, problem: null, givenUp: givenUpOf(lines) };
  const code = /\((\d+)\)/.exec(status)?.[1];
  return { isOver: true, problem: code === '0' ? null : `the coordinator ended: ${status}` };
}

/** The first worker that ended with a failure: one that Docker is about to start again is `restarting`. */
function givenUpOf(lines: readonly (readonly string[])[]): string | undefined {
  for (const [service, state, status = ''] of lines) {
    const code = /^Exited \((\d+)\)/.exec(status)?.[1] ?? '0';
    if (state === 'exited' && code !== '0') return `${service} ended with ${code}, and is not started again`;
  }
  return undefined;
}

function composeFile(cluster: Cluster, context: LaunchContext, settings: string): string {
  const { name, port, keys, out } = cluster;
  const run = coordinatorArguments({ settings: SETTINGS, out: RUN, bind: `tcp://0.0.0.0:${port}`, keys: KEYS });
  const coordinator = {
    ...service(cluster, context, 'coordinator'),
    command: run,
    volumes: [...volumesOf(cluster), bind(settings, SETTINGS, true), bind(keys!, KEYS, true), bind(out, RUN, false)],
    restart: `on-failure:${cluster.run.settings.maxRestarts ?? 3}`,
  };
  const workers = workersWithKeys(cluster, context).map((worker, index) => [
    worker,
    {
      ...service(cluster, context, worker),
      command: ['worker'],
      environment: {
        ...cluster.environment,
        GANTRY_JOIN: `tcp://coordinator:${port}`,
        GANTRY_WORKER: worker,
        GANTRY_KEYS: `${KEYS}/${worker}.key`,
      },
      volumes: [...volumesOf(cluster), bind(`${keys}/${worker}.key`, `${KEYS}/${worker}.key`, true)],
      restart: `on-failure:${cluster.run.settings.maxRestarts ?? 3}`,
      ...resourcesOf(cluster, index),
    },
  ]);
  return [
    `# ${name}: ${plural(cluster.workers, 'worker')} of ${workers.length}. Written by gantry launch from ${cluster.path}.\n`,
    stringify({ services: { coordinator, ...Object.fromEntries(workers) } }),
  ].join('');
}

/** What every container has: no right that it does not need. */
function service({ name, image, environment, resources }: Cluster, { user }: LaunchContext, of: string): object {
  return {
    image,
    container_name: `${name}-${of}`,
    hostname: of,
    user: `${user.uid}:${user.gid}`,
    environment,
    read_only: true,
    tmpfs: ['/tmp'],
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    shm_size: resources.sharedMemoryBytes,
    // Node reaps no strangers and takes no signals as process 1.
    init: true,
    stop_grace_period: `${LEAVE_SECONDS}s`,
  };
}

function bind(source: string, target: string, readOnly: boolean): object {
  return { type: 'bind', source, target, read_only: readOnly };
}

function volumesOf({ volumes }: Cluster): object[] {
  return volumes.map(({ source, target, readOnly }) =>
    source.startsWith('/') ? bind(source, target, readOnly) : { type: 'volume', source, target, read_only: readOnly },
  );
}

/** Worker N takes the Nth GPUs of the machine. */
function resourcesOf({ resources: { cpus, memoryBytes, gpus } }: Cluster, index: number): object {
  const ids = Array.from({ length: gpus }, (_, gpu) => String(index * gpus + gpu));
  return {
    ...(cpus === null ? {} : { cpus }),
    ...(memoryBytes === null ? {} : { mem_limit: memoryBytes }),
    ...(gpus === 0
      ? {}
      : {
          deploy: {
            resources: { reservations: { devices: [{ driver: 'nvidia', device_ids: ids, capabilities: ['gpu'] }] } },
          },
        }),
  };
}
