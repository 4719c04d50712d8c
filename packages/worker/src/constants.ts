/** How long a worker waits for a coordinator that does not answer its Hello, in milliseconds: a person starts the two by hand. */
export const CONNECT_MS_MAX = 30_000;

/** A connection whose other end does not say who it is within this time is closed and tried again, in milliseconds. */
export const HANDSHAKE_MS = 3_000;

/** From an Abort to SIGKILL by the control thread if the main thread does not leave, in milliseconds. */
export const LEAVE_GRACE_MS = 1_000;

/** The same when the coordinator is gone: nobody is left to report to, and the lease is spent already. In milliseconds. */
export const LOST_GRACE_MS = 300;

/** How long a worker that failed waits for the coordinator's Abort before it leaves by itself, in milliseconds. */
export const FAILURE_GRACE_MS = 500;

/** How long ZeroMQ may go on sending what a closing socket has queued, in milliseconds. */
export const LINGER_MS = 300;

/** How long members of a host try to open the memory that the first of them makes, in milliseconds: it compiles before. */
export const MEMORY_OPEN_MS_MAX = 60_000;

/** Between two tries to open it, in milliseconds. */
export const MEMORY_RETRY_MS = 5;

/** Every how many milliseconds the training loop lets the event loop run: signals and messages wait no longer. */
export const YIELD_EVERY_MS = 50;

/** Metrics are sent every so many milliseconds. */
export const METRICS_EVERY_MS = 250;

/** Steps that one batch of metrics holds at most, below the protocol's own bound; more are sent at once. */
export const METRICS_STEPS_MAX = 1_024;

/** Pictures of a sample: a grid of 8 × 8; fewer where so many do not fit into one message. */
export const SAMPLE_COUNT_MAX = 64;

/** Characters of a failure's message and details that the protocol takes. */
export const FAILURE_MESSAGE_CHARS_MAX = 8_192;
export const FAILURE_DETAILS_CHARS_MAX = 16_384;

/** Longest account of why a device was chosen that the protocol carries, in characters. */
export const DEVICE_REASON_CHARS_MAX = 4_096;

/** Largest state that is accepted from the coordinator, in bytes: far above what shared memory will hold. */
export const STATE_BYTES_MAX = 2 ** 34;

/** Before training a busy coordinator may be slower to answer: its lease counts this many times, as theirs do with it. */
export const STARTING_LEASES = 4;

/** How long a worker that lost its coordinator holds its state and waits for the next one, in milliseconds: people restart it. */
export const RETURN_MS_MAX = 600_000;

/** Between two tries to reach it, in milliseconds: a Hello that a dying coordinator took is lost. */
export const RETURN_EVERY_MS = 2_000;

/** A phase of an update that lasts longer has the flight recorder written, in milliseconds: well before any lease ends. */
export const STUCK_MS = 500;

/** How often that is looked at, in milliseconds. */
export const STUCK_CHECK_MS = 250;

/** Memory for the chunks of a data set that comes from the coordinator, in bytes, unless GANTRY_DATA_MEMORY says otherwise. */
export const DATA_MEMORY_BYTES = 2 ** 30;

/** Batches whose chunks are fetched ahead: with most data sets all of the first epoch's are asked for anyway. */
export const BATCHES_AHEAD = 4;

/** How long another worker of this host may take to fetch a chunk before this one does so too, in milliseconds. */
export const CLAIM_STALE_MS = 2_000;

/** What is left in the making in the cache for longer is of a process that was killed, in milliseconds. */
export const DEBRIS_STALE_MS = 600_000;

/** A chunk that nobody has read for so long leaves the cache, in milliseconds: 30 days. */
export const CHUNK_KEPT_MS = 30 * 24 * 3_600_000;

/** How exactly it is known when a chunk was read last, in milliseconds: a day. Fewer writes for it than reads. */
export const CHUNK_READ_KNOWN_MS = 24 * 3_600_000;

/** While a worker waits for the coordinator to open the data set it says so often that it is alive, in milliseconds. */
export const OPENING_BEAT_MS = 1_000;
