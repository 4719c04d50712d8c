/** Bytes of a cache line: every word that processes share, every view and every segment starts on one. */
export const CACHE_LINE_BYTES = 64;

/** Floats in one data frame, 512 KiB: a received chunk is still in the cache when it is summed, and frames are few. */
export const CHUNK_FLOATS = 131_072;

/**
 * Vectors up to this many floats (64 KiB) go whole to every member, who then finishes the tree alone: below it, a second
 * round of messages costs more than the additional bytes.
 */
export const WHOLE_VECTOR_FLOATS_MAX = 16_384;

/** Longest sleep of a waiting worker, in milliseconds, before it looks at its control words again. */
export const WAIT_SLICE_MS = 20;

/** How long a waiter polls before it sleeps where every worker has a core of its own, in milliseconds. */
export const SPIN_MS = 1;

/** The part of {@link SPIN_MS} during which a poller does not even offer its core to others. */
export const SPIN_WITHOUT_YIELD_MS = 0.05;

/** Every how many milliseconds a member that waits for messages looks at its control words. */
export const CONTROL_POLL_MS = 10;

/** Messages that a data socket queues for or from one peer: 64 chunks are 32 MiB. */
export const DATA_HIGH_WATER_MARK = 64;

/**
 * What the kernel may hold of a tcp connection's data before the peer has it, in bytes (Linux takes twice as much). Left to itself it
 * lets a queue of megabytes grow on a full link, behind which the peer's acknowledgements and sums wait: ADR 8.
 */
export const DATA_SEND_BUFFER_BYTES = 262_144;

/** Largest accepted message part, in bytes: one chunk with room to spare. */
export const DATA_MESSAGE_BYTES_MAX = CHUNK_FLOATS * 4 + 1024;

/** A connection that has not said who it is within this time is closed, in milliseconds. */
export const DATA_HANDSHAKE_MS = 3_000;

/** While the network is measured, a transfer may take so long in any case, in milliseconds: 1 MiB at 200 kbit/s. */
export const PROBE_TRANSFER_MS = 40_000;

/** How often it is told then that somebody does not answer, in milliseconds. */
export const PROBE_WORD_EVERY_MS = 1_000;

/** How long a closing data socket may go on sending what is queued, in milliseconds. */
export const DATA_DRAIN_MS = 500;

/** What a message costs its sender and its receiver, in milliseconds, whatever is in it: an estimate, for choosing a topology. */
export const MESSAGE_MS = 0.02;

/** Short messages that a member sends its neighbour, one after the other, to measure the latency. The fastest counts. */
export const PROBE_PINGS = 6;

/** Chunks that it sends then, to measure the bandwidth: 1 MiB, which takes a second on a link of 8 Mbit/s. */
export const PROBE_CHUNKS = 2;

/** The network that topology `auto` assumes where none was measured: 10 Gbit/s with the latency of one switch. Equal on all members, who must choose alike. */
export const LOCAL_NETWORK = { latencyMs: 0.05, bytesPerSecond: 1.25e9 } as const;
