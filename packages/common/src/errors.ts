/** Every code that a {@link GantryError} can carry. Match on the code; the message is for people. */
export const ERROR_CODES = [
  'GANTRY_USAGE',
  'GANTRY_CONFIG_INVALID',
  'GANTRY_CONFIG_CHANGED',
  'GANTRY_MODEL_INVALID',
  'GANTRY_MODEL_NOT_FOUND',
  'GANTRY_DATASET_NOT_FOUND',
  'GANTRY_DATASET_INVALID',
  'GANTRY_ENGINE_UNSUPPORTED',
  'GANTRY_ENGINE_MISSING',
  'GANTRY_ENGINE_FAILED',
  'GANTRY_DEVICE_UNAVAILABLE',
  'GANTRY_NON_FINITE',
  'GANTRY_CHECKPOINT_INVALID',
  'GANTRY_CHECKPOINT_NOT_FOUND',
  'GANTRY_RUN_LOCKED',
  'GANTRY_RUN_EXISTS',
  'GANTRY_RUN_NOT_FOUND',
  'GANTRY_SHARED_MEMORY_FAILED',
  'GANTRY_TRANSPORT_FAILED',
  'GANTRY_BIND_REFUSED',
  'GANTRY_KEYS_INVALID',
  'GANTRY_AUTH_REFUSED',
  'GANTRY_PROTOCOL_INVALID',
  'GANTRY_VERSION_MISMATCH',
  'GANTRY_PROGRAM_MISMATCH',
  'GANTRY_WORKER_LOST',
  'GANTRY_WORKER_STALLED',
  'GANTRY_REPLICA_DIVERGED',
  'GANTRY_COORDINATOR_LOST',
  'GANTRY_LAUNCH_FAILED',
  'GANTRY_ABORTED',
  'GANTRY_INTERRUPTED',
  'GANTRY_DISK_FULL',
  'GANTRY_FILE_FAILED',
  'GANTRY_INTERNAL',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** Plain data that names what an error is about (worker, update, phase, file, offset …); it goes into `--json`. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null>>;

/** The one error type that Gantry throws on purpose: a stable `code`, and a message that says what, where and what to do. */
export class GantryError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: ErrorDetails } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GantryError';
    this.code = code;
    this.details = options.details ?? {};
  }

  /** What a shell sees: 2 for usage and configuration, 1 for everything else. */
  get exitCode(): 1 | 2 {
    return this.code === 'GANTRY_USAGE' || this.code === 'GANTRY_CONFIG_INVALID' ? 2 : 1;
  }
}

/** Ends the process's work when an invariant of Gantry itself is broken: a bug, never the user's input. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new GantryError('GANTRY_INTERNAL', `broken invariant: ${message}`);
}

/** Closes a switch over a union: a new member that is not handled becomes a compile error. */
export function assertNever(value: never): never {
  throw new GantryError('GANTRY_INTERNAL', `unhandled case ${JSON.stringify(value)}`);
}
