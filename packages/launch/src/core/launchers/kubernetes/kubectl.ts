import type { Command } from '../../plan.js';
import { LOG_STREAMS } from './constants.js';
import { type Labels, selectorOf } from './names.js';
import type { KubernetesCluster } from './objects.js';

/** Calls kubectl in the run's namespace. */
export type Kubectl = (...args: readonly string[]) => Command;

export function kubectlFor({ kubernetes }: KubernetesCluster): Kubectl {
  const { namespace, context } = kubernetes;
  const where = [...(context === null ? [] : ['--context', context]), '--namespace', namespace];
  return (...args) => ({ argv: ['kubectl', ...where, ...args] });
}

/**
 * What containers have said, from the beginning, each line with its pod and its time in front, by which one that was read
 * already is known. A pod that has not begun keeps nobody from reading the others.
 */
export function logsOf(kubectl: Kubectl, labels: Labels, ...further: readonly string[]): Command {
  const streams = `--max-log-requests=${LOG_STREAMS}`;
  const shape = ['--prefix', '--timestamps', '--tail=-1', '--ignore-errors', streams];
  return kubectl('logs', '--selector', selectorOf(labels), ...shape, ...further);
}
