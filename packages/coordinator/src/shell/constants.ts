/** How often the core looks at the time: leases and stalls are seen at most this much late. */
export const TICK_MS = 50;
/** How often the local workers are looked at, whether one is stopped, until training begins. */
export const STOPPED_EVERY_MS = 250;
/** How often status.json is written, beside at every loss. */
export const STATUS_EVERY_MS = 1_000;
/** How long metrics rows are collected before they are appended. */
export const METRICS_FLUSH_MS = 250;

/** A local worker that lost its connection is given so long to be gone, in milliseconds: how it exited says more. */
export const EXIT_MS_MAX = 500;
/** Between two looks at it, in milliseconds. */
export const EXIT_LOOK_MS = 10;

/**
 * From Abort to SIGTERM, and to SIGKILL, of a local worker. With the default lease of 1,500 ms and TICK_MS this keeps the
 * end of a run within 2 s of a fault that only the lease shows.
 */
export const ABORT_TERM_MS = 150;
export const ABORT_KILL_MS = 350;
/** From Bye to SIGKILL: a worker that is done only has to close its sockets. */
export const BYE_KILL_MS = 5_000;
/** How long the last messages to remote workers may take to leave the socket. */
export const DRAIN_MS = 500;

/** Messages that ZeroMQ queues for one peer before it pushes back. */
export const HIGH_WATER_MARK = 256;
/** Bytes queued for one peer that does not read; beyond them it counts as gone. */
export const OUTBOX_BYTES_MAX = 64 << 20;
/** What a queued frame counts for beside its bytes: the objects that hold it. */
export const FRAME_OVERHEAD_BYTES = 1 << 10;
/** A worker that is revoked is told so if it takes the word within this time, in milliseconds, and cut in any case. */
export const FAREWELL_MS = 200;
/** A connection that has not said who it is within this time is closed. */
export const HANDSHAKE_MS = 3_000;
/** How often the allow-list is looked at. */
export const ALLOW_LIST_EVERY_MS = 250;
/** How long a list without somebody's key has to stand before that key is cut: at the second look, half a second after the edit. */
export const ALLOW_LIST_SETTLED_MS = 200;
/** What CURVE adds to a message part: command name, nonce, flags, authenticator; with room to spare. */
export const CURVE_OVERHEAD_BYTES = 256;
/** Least time between two looks at who has left, however many strangers come and go. */
export const PROBE_EVERY_MS = 20;
/** Peers remembered at one time, strangers among them: many times what a run has. */
export const PEERS_MAX = 4_096;
/** Between two tries to send to a peer whose queue is full. */
export const SEND_RETRY_MS = 2;

/** Largest header of a safetensors file: some thousand tensors; the format's own bound is 100 MB. */
export const HEADER_BYTES_MAX = 16 << 20;
/** Largest manifest.json: configuration and layout, each bounded by the protocol. */
export const MANIFEST_BYTES_MAX = 4 << 20;
/** One write or read of a checkpoint's file. */
export const FILE_CHUNK_BYTES = 1 << 20;
/** Hashed or looked through at one time: some milliseconds. */
export const SLICE_BYTES = 8 << 20;
/** Behind a worker's name: what it leaves of its flight recorder in the run's logs folder. */
export const FLIGHT_SUFFIX = '.flight.json';
/** Longest line of a worker's output that is kept whole. */
export const LOG_LINE_CHARS_MAX = 4_096;

/** What @gantry/collective puts in front of a mapping's name. */
export const SHARED_MEMORY_PREFIX = 'gantry-shm-';
