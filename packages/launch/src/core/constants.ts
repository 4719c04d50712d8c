/** Bounds that keep a slip of the finger from becoming ten thousand processes. */
export const LIMITS = {
  workers: 256,
  workersPerHost: 64,
  nodes: 256,
  cpus: 1024,
  gpus: 16,
} as const;

/** What a cluster file leaves out. */
export const DEFAULTS = {
  name: 'gantry',
  workers: 2,
  port: 5555,
  image: 'gantry:0.1.0',
  command: 'gantry',
  /** Twice the state of the preset, and its gradients, with much to spare; containers have 64 MB without it. */
  sharedMemory: '1GiB',
  storage: '10Gi',
  warnSeconds: 60,
  namespace: 'default',
  gpuResource: 'nvidia.com/gpu',
} as const;

/** How often the launcher looks whether another terminal has asked for something, in milliseconds. */
export const WISHES_EVERY_MS = 200;

/** From asking a process to leave to SIGTERM, and to SIGKILL, in milliseconds: a worker finishes its update, a coordinator saves. */
export const LEAVE_TERM_MS = 15_000;
export const LEAVE_KILL_MS = 20_000;

/** How long a scheduler waits for the same, in seconds: the coordinator saves, workers finish their update. */
export const LEAVE_SECONDS = 60;

/** Before a worker that has ended is started again, in milliseconds: doubled every time, up to the most. */
export const RESTART_MS = 500;
export const RESTART_MS_MAX = 30_000;

/** Before what ended too early is followed again, in milliseconds. */
export const FOLLOW_AGAIN_MS = 500;

/** Clocks further apart than this are told of, in milliseconds. */
export const CLOCK_MS_MAX = 1_000;

/** Between two looks whether everybody who is waited for can come, until training begins, in milliseconds. */
export const LOOK_AT_START_MS = 5_000;
