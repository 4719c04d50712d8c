/** User and group of the image. A number, because that is how Kubernetes sees that it is not root's. */
export const RUN_AS = 10_001;

/** Where the pods see what. */
export const PATHS = {
  config: '/etc/gantry/config',
  keys: '/etc/gantry/keys',
  sharedMemory: '/dev/shm',
  temporary: '/tmp',
  health: '/tmp/gantry-health',
} as const;

/** By owner and group alone: the files are root's, and the group is the pods' own. */
export const KEY_FILE_MODE = 0o440;

/** Of a worker, where the cluster file says nothing. */
export const WORKER_DEFAULTS = { cpus: 1, memoryBytes: 2 * 2 ** 30 } as const;
/** Sockets, checkpoints and pictures; with topology star it sums gradients too. */
export const COORDINATOR_RESOURCES = { cpus: 1, memoryBytes: 2 * 2 ** 30 } as const;
/** Data sets that were converted or sent lie here, on the node's disk. */
export const TEMPORARY_BYTES = 10 * 2 ** 30;

/** From SIGTERM to SIGKILL, in seconds: a coordinator writes a checkpoint to a disk behind a network, a worker ends its update. */
export const COORDINATOR_GRACE_S = 120;
export const WORKER_GRACE_S = 60;
/** A little more than the coordinator has. */
export const STOP_WAIT_S = COORDINATOR_GRACE_S + 60;

/**
 * Restarts before Kubernetes gives a job up. Each comes later than the one before, up to five minutes: a coordinator that never
 * starts is given up within the day. All workers of a run share theirs, which has to last for the longest run.
 */
export const COORDINATOR_RESTARTS = 100;
export const WORKER_RESTARTS = 100_000;

/** Exit code of a worker that left before the run was over (EX_TEMPFAIL): to Kubernetes, 0 would mean that nobody has to take its place. */
export const LEFT_EXIT_CODE = 75;

/** Streams of logs that kubectl follows at once: every worker, its predecessor, and the coordinator. */
export const LOG_STREAMS = 600;
