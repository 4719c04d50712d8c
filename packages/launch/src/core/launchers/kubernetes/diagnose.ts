import type { Health } from '../../plan.js';
import type { ListedPod } from './listed-pod.js';
import { podProblem } from './pod-problem.js';

interface ListedJob {
  readonly kind: 'Job';
  readonly metadata: { readonly name: string };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

type Listed = ListedJob | ListedPod;

/**
 * What jobs and pods of a run, as `kubectl get jobs,pods -o json` lists them, mean for it.
 *
 * @param coordinator Name of its job: once that is gone or over, the run is.
 */
export function diagnose(output: string, coordinator: string): Health {
  const items = parse(output);
  if (items === null) {
    return { isOver: false, problem: 'kubectl cannot ask the cluster how the run stands; it is asked again' };
  }
  const jobs = items.filter((item): item is ListedJob => item.kind === 'Job');
  const given = jobs.map(givenUp).find((problem) => problem !== null);
  if (given !== undefined) return { isOver: true, problem: `${given}${because(items)}` };
  const own = jobs.find(({ metadata }) => metadata.name === coordinator);
  if (own === undefined || holds(own, 'Complete') !== undefined) return { isOver: true, problem: null };
  return worst(items) ?? { isOver: false, problem: null };
}

/** What keeps a run from ever going on comes before what keeps it from going on now. */
function worst(items: readonly Listed[]): Health | undefined {
  const problems = items.flatMap((item) => (item.kind === 'Pod' ? (podProblem(item) ?? []) : []));
  return problems.find(({ isOver }) => isOver) ?? problems[0];
}

function because(items: readonly Listed[]): string {
  const problem = worst(items)?.problem ?? null;
  return problem === null ? '; gantry launch logs may tell why' : `: ${problem}`;
}

function givenUp(job: ListedJob): string | null {
  const failed = holds(job, 'Failed') ?? holds(job, 'FailureTarget');
  if (failed === undefined) return null;
  return `Kubernetes has given up ${job.metadata.name} (${failed.reason ?? failed.message ?? 'no reason given'})`;
}

function holds({ status }: ListedJob, type: string): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type && condition.status === 'True');
}

function parse(output: string): readonly Listed[] | null {
  try {
    const { items } = JSON.parse(output) as { items?: unknown };
    return Array.isArray(items) ? (items as Listed[]) : null;
  } catch {
    return null;
  }
}
