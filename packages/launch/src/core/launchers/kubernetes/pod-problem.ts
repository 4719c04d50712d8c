import type { Health } from '../../plan.js';
import type { ContainerState, ContainerStatus, ListedPod } from './listed-pod.js';
import { workerName } from './log-line.js';

/** A coordinator that has ended so often without a word will not do better. */
const COORDINATOR_RESTARTS_MAX = 4;

/** What a pod suffers from, and what to do; null: nothing, as far as can be seen. */
export function podProblem(pod: ListedPod): Health | null {
  if (pod.metadata.deletionTimestamp !== undefined) return null;
  return evicted(pod) ?? unschedulable(pod) ?? containerProblem(pod);
}

function evicted({ metadata, status }: ListedPod): Health | null {
  if (status?.reason !== 'Evicted') return null;
  const why = status.message ?? 'its node ran out of something';
  return going(`${metadata.name} was evicted: ${trim(why)}. Give resources.memory or resources.sharedMemory more`);
}

function unschedulable({ metadata, status }: ListedPod): Health | null {
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status !== 'False' || scheduled.reason !== 'Unschedulable') return null;
  return going(
    `${metadata.name} waits for a node: ${trim(scheduled.message ?? 'none fits')}. Ask for less in resources, for other nodes ` +
      'in kubernetes.nodeSelector, or for other storage in kubernetes.storage; it begins once there is one',
  );
}

function containerProblem(pod: ListedPod): Health | null {
  const status = pod.status?.containerStatuses?.[0];
  if (status === undefined) return null;
  const { waiting } = status.state ?? {};
  const image = pod.spec?.containers?.[0]?.image ?? 'its image';
  const { name } = pod.metadata;
  const said = waiting?.message === undefined ? '' : `: ${trim(waiting.message)}`;
  switch (waiting?.reason) {
    case 'ErrImagePull':
      return going(`${name} cannot get ${image}${said}. It is tried again`);
    case 'ImagePullBackOff':
    case 'InvalidImageName':
    case 'ErrImageNeverPull':
      return over(
        `${name} cannot get ${image} (${waiting.reason}${said}). Name in image one that the nodes can pull, push it to their ` +
          'registry, or load it into them and say kubernetes.imagePullPolicy: Never',
      );
    case 'CreateContainerConfigError':
      return over(`${name} lacks something that it is made of${said}. gantry launch makes it: launch again`);
    case 'CreateContainerError':
    case 'RunContainerError':
      return going(`${name} cannot be started (${waiting.reason}${said}). kubectl describe pod ${name} tells more`);
    case 'CrashLoopBackOff':
      return crashLoop(pod, status);
    default:
      return endingOf(pod, status.state) ?? endingOf(pod, status.lastState);
  }
}

function crashLoop(pod: ListedPod, status: ContainerStatus): Health {
  const { name } = pod.metadata;
  const restarts = status.restartCount ?? 0;
  const isCoordinator = pod.metadata.labels?.['app.kubernetes.io/component'] === 'coordinator';
  const how = endingOf(pod, status.lastState)?.problem ?? `${name} ends again and again`;
  const problem = `${how} (${restarts} restarts; gantry launch logs shows what it said)`;
  return { isOver: isCoordinator && restarts >= COORDINATOR_RESTARTS_MAX, problem };
}

/** How a container ended, where that is worth a word. */
function endingOf({ metadata }: ListedPod, state: ContainerState | undefined): Health | null {
  const { name } = metadata;
  const { reason, exitCode, message } = state?.terminated ?? {};
  if (reason === 'OOMKilled') {
    return going(
      `${name} (${workerName(name)}) used more memory than it may have, and was killed. Give resources.memory more`,
    );
  }
  if (reason === 'StartError' || reason === 'ContainerCannotRun') {
    return over(`${name} cannot be started: ${trim(message ?? reason)}. Is image one of Gantry's?`);
  }
  if (exitCode === undefined || exitCode === 0) return null;
  return going(`${name} ended with exit code ${exitCode}`);
}

const going = (problem: string): Health => ({ isOver: false, problem });
const over = (problem: string): Health => ({ isOver: true, problem });

/** On one line, and without a full stop: a sentence follows. */
function trim(text: string): string {
  return text.replace(/\s+/g, ' ').trim().replace(/\.$/, '').slice(0, 300);
}
