import { GantryError } from '@gantry/common';
import type { Cluster, LauncherName } from '../cluster.js';
import type { LaunchContext, LaunchPlan } from '../plan.js';
import { planDocker } from './docker.js';
import { planKubernetes } from './kubernetes/index.js';
import { planLocal } from './local.js';
import { planSlurm } from './slurm/index.js';
import { planSsh } from './ssh.js';

type Planner = (cluster: Cluster, context: LaunchContext) => LaunchPlan;

const PLANNERS: Partial<Readonly<Record<LauncherName, Planner>>> = {
  local: planLocal,
  ssh: planSsh,
  slurm: planSlurm,
  docker: planDocker,
  kubernetes: planKubernetes,
};

/** What a launch writes and runs: the same cluster file in the same context gives the same plan. */
export function planLaunch(cluster: Cluster, context: LaunchContext): LaunchPlan {
  const planner = PLANNERS[cluster.launcher];
  if (planner === undefined)
    throw new GantryError('GANTRY_LAUNCH_FAILED', `launcher ${cluster.launcher} is not there yet`);
  return planner(cluster, context);
}
