import { assert, GantryError } from '@gantry/common';
import type { Cluster } from '../../cluster.js';
import { LIMITS } from '../../constants.js';
import type { Check, Command, LaunchContext, SubmittedPlan } from '../../plan.js';
import { settingsFile } from '../parts.js';
import { STOP_WAIT_S } from './constants.js';
import { diagnose } from './diagnose.js';
import { type Kubectl, kubectlFor, logsOf } from './kubectl.js';
import { podLine } from './log-line.js';
import { kubernetesObjects, manifestText } from './manifest.js';
import { componentLabels, namesOf, objectLabels, runLabels, selectorOf } from './names.js';
import type { KubernetesCluster } from './objects.js';
import { runsFolder } from './storage.js';
import { workerCounts } from './workers.js';

/** Kinds of what a run consists of, but for the claim, which nobody takes away. */
const REMOVED = 'jobs,services,networkpolicies,configmaps,secrets';

/** Until the pods have ended too. */
const WAIT = ['--cascade=foreground', '--wait', `--timeout=${STOP_WAIT_S}s`] as const;

/** A coordinator's job and an indexed job of workers, looked after through `kubectl`. */
export function planKubernetes(cluster: Cluster, context: LaunchContext): SubmittedPlan {
  assert(cluster.kubernetes !== null, 'the file was resolved for this launcher');
  const own = { ...cluster, kubernetes: cluster.kubernetes };
  runsFolder(own);
  const workersMax = indexedKeys(own, context);
  const names = namesOf(own);
  const kubectl = kubectlFor(own);
  const selector = ['--selector', selectorOf(runLabels(own))];
  const manifest = {
    path: `${context.folder}/manifest.yaml`,
    text: manifestText(own, kubernetesObjects(own, settingsFile(own, context).text)),
  };
  return {
    kind: 'submitted',
    files: [manifest],
    checks: checks(own, kubectl),
    start: [...keyCommands(own, context, kubectl), kubectl('apply', '--filename', manifest.path)],
    coordinatorOutput: logsOf(kubectl, componentLabels(own, 'coordinator'), '--follow'),
    workerOutput: logsOf(kubectl, componentLabels(own, 'worker'), '--follow'),
    logs: logsOf(kubectl, runLabels(own)),
    readLine: podLine,
    status: kubectl('get', 'jobs,pods,persistentvolumeclaims', ...selector, '--output', 'wide'),
    runStatus: kubectl('exec', `job/${names.coordinator}`, '--', 'gantry', 'status', '--json', '--out', own.out),
    health: kubectl('get', 'jobs,pods', ...selector, '--output', 'json'),
    diagnose: (output) => diagnose(output, names.coordinator),
    stop: [deleteJobs(kubectl, names.coordinator)],
    remove: [kubectl('delete', REMOVED, ...selector, '--ignore-not-found', ...WAIT)],
    scale: ({ wanted }) => {
      const patch = JSON.stringify({ spec: workerCounts(wanted) });
      return [kubectl('patch', 'job', names.worker, '--type', 'merge', '--patch', patch)];
    },
    workersMax,
  };
}

/**
 * Takes jobs away and waits until their pods have ended, which are told to with SIGTERM: a coordinator saves, and says goodbye to
 * the workers. Nothing starts them again, as it would after a signal alone.
 */
function deleteJobs(kubectl: Kubectl, ...jobs: readonly string[]): Command {
  return kubectl('delete', 'job', ...jobs, '--ignore-not-found', ...WAIT);
}

/** Keys are in no manifest: kubectl reads their files. Whatever was left of a launch of this name is taken away before. */
function keyCommands(cluster: KubernetesCluster, { workerKeys }: LaunchContext, kubectl: Kubectl): Command[] {
  const { coordinator, worker, coordinatorKeys, workerKeys: workers } = namesOf(cluster);
  const from = (name: string): string => `--from-file=${cluster.keys}/${name}`;
  const secret = (name: string, files: readonly string[]): Command =>
    kubectl('create', 'secret', 'generic', name, ...files.map(from));
  const labels = Object.entries(objectLabels(runLabels(cluster))).map(([key, value]) => `${key}=${value}`);
  return [
    deleteJobs(kubectl, coordinator, worker),
    kubectl('delete', 'secret', coordinatorKeys, workers, '--ignore-not-found'),
    secret(coordinatorKeys, ['server.key', 'allowed']),
    secret(
      workers,
      workerKeys.filter((name) => /^worker-\d+$/.test(name)).map((name) => `${name}.key`),
    ),
    kubectl('label', 'secret', coordinatorKeys, workers, ...labels),
  ];
}

/**
 * How many workers have a key: their indexes name them, so it is those from worker-0 on without a gap.
 * @throws GantryError GANTRY_KEYS_INVALID where there are fewer than workers
 */
function indexedKeys({ keys, workers }: Cluster, { workerKeys }: LaunchContext): number {
  const isMissing = (index: number): boolean => !workerKeys.includes(`worker-${index}`);
  const indexes = Array.from({ length: LIMITS.workers }, (_, index) => index);
  const missing = indexes.slice(0, workers).filter(isMissing);
  if (missing.length === 0) return indexes.find(isMissing) ?? LIMITS.workers;
  const names = missing.map((index) => `worker-${index}`).join(' ');
  const message =
    `${keys} has no key for ${names}: with kubernetes workers are named worker-0, worker-1 and so on. ` +
    `Make them: npx gantry keygen --add --out ${keys} --worker ${names}`;
  throw new GantryError('GANTRY_KEYS_INVALID', message);
}

function checks(cluster: KubernetesCluster, kubectl: Kubectl): Check[] {
  const { namespace, storage } = cluster.kubernetes;
  const running = 'jsonpath={.items[?(@.status.active>0)].metadata.name}';
  const may: Check = {
    what: 'kubectl may create jobs',
    command: kubectl('auth', 'can-i', 'create', 'jobs.batch', '--request-timeout=20s'),
    expects: 'yes',
    remedy: `Choose the cluster with kubectl config use-context, or in kubernetes.context; who runs it gives rights in namespace ${namespace}`,
  };
  const checks: Check[] = [
    may,
    {
      what: `no other ${cluster.name} runs`,
      command: kubectl('get', 'jobs', '--selector', selectorOf(runLabels(cluster)), '--output', running),
      expectsNothing: true,
      remedy: `Stop it with npx gantry launch stop -f ${cluster.path} where it was launched, or give this one another name`,
      after: may.what,
    },
  ];
  if (storage.claim === null) return checks;
  const claim: Check = {
    what: `claim ${storage.claim}`,
    command: kubectl('get', 'persistentvolumeclaim', storage.claim, '--output', 'name'),
    remedy: 'Name one that exists in kubernetes.storage.claim, or leave it out: one of kubernetes.storage.size is made',
    after: may.what,
  };
  return [...checks, claim];
}
