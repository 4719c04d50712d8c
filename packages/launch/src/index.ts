export { type Cluster, LAUNCHERS, type LauncherName } from './core/cluster.js';
export { clusterJsonSchema } from './core/cluster-schema.js';
export type { LaunchPlan } from './core/plan.js';
export { printPlan } from './core/print-plan.js';
export { runningRecord, scaleLaunch, stopLaunch, submittedRunStatus, submittedStatus } from './shell/actions.js';
export {
  type ClusterFinding,
  type ClusterReport,
  checkCluster,
  type NetworkMatrix,
} from './shell/doctor/check-cluster.js';
export { listenForProbes, type ProbeResult, probe } from './shell/doctor/probe.js';
export {
  type LaunchOptions,
  launchCluster,
  type OwnGantry,
  type PreparedLaunch,
  prepareLaunch,
} from './shell/launch.js';
export type { CoordinatorEvent, LaunchListener } from './shell/launch-events.js';
export type { LaunchRecord } from './shell/launch-folder.js';
export { readCluster } from './shell/read-cluster.js';
export { readLogs } from './shell/read-logs.js';
