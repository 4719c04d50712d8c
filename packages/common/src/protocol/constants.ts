/** Version of the wire contract in `proto/gantry/v1`. Hello carries it; a mismatch is refused before step 1. */
export const PROTOCOL_VERSION = 1;
/** Gantry's own version, as in every package.json (a test compares them). */
export const GANTRY_VERSION = '0.1.0';

/** Bytes of state a StateChunk carries at most: a word that waits behind one waits for some milliseconds, on a slow link too. */
export const STATE_CHUNK_BYTES_MAX = 256 << 10;
/** Bytes of a chunk of the data set that one DataChunk carries at most, for the same reason. */
export const DATA_PIECE_BYTES_MAX = 256 << 10;
/** Bytes of pieces that a worker may have asked for and not got: what fills a link of 1 Gbit/s for 30 ms. */
export const DATA_CREDIT_BYTES_MAX = 4 << 20;
/** Characters of a data set's manifest: 67 a chunk of 1 MiB, so that 60 GiB of data can be described. */
export const DATASET_MANIFEST_CHARS_MAX = 4 << 20;
/** Bytes of one of the three pictures' arrays in Samples. */
export const SAMPLES_BYTES_MAX = 1 << 22;
/** Fields of a message beside its large bytes: far above what any of them needs. */
export const FIELDS_BYTES_MAX = 16 << 10;
/** Bytes of JSON (config, details, layout) in one field. */
export const JSON_BYTES_MAX = 1 << 20;
/** Largest control-plane message of all; sockets set it as their maxMessageSize. */
export const ENVELOPE_BYTES_MAX = 3 * SAMPLES_BYTES_MAX + FIELDS_BYTES_MAX;
/**
 * Bytes of one part of a control message on an encrypted link: what a peer that is not admitted yet can make the coordinator
 * hold. Larger messages travel in several parts.
 */
export const SEALED_PART_BYTES_MAX = 16 << 10;
/** Members of one assignment: far above what one coordinator serves. */
export const MEMBERS_MAX = 1024;
/** Shards of a run; each has a row in a member's list. */
export const SHARDS_MAX = 4096;
/** Steps that one Metrics message reports: some seconds of the fastest run. */
export const METRIC_STEPS_MAX = 4096;
/** Fields, and items of repeated ones, in any body: the longest list, and the fields beside it with room to spare. */
export const BODY_ITEMS_MAX = METRIC_STEPS_MAX + 64;
/** Numbers in one step's row of metrics or phases. */
export const METRIC_VALUES_MAX = 32;
/**
 * The last generation that there may be: half of what a uint32 holds, so that a number that somebody claims to have is never
 * followed by one that cannot be sent. One a second lasts for 68 years.
 */
export const GENERATION_MAX = 2 ** 31 - 1;
/** Nesting of the deepest message is 3 (Envelope, Assignment, Member). */
export const DECODE_DEPTH_MAX = 8;

/** States of a leader that may be on their way to the disk; before it sends a third it waits until one of them is written. */
export const STATES_IN_FLIGHT_MAX = 2;

/**
 * How long a member may leave another one without an answer over the data link while both prepare, in milliseconds, before it
 * counts as not reached: as long as one that is silent before training (ADR 4), and never so short that a busy machine is meant.
 */
export function unreachedAfterMs(leaseMs: number): number {
  return Math.max(10_000, 4 * leaseMs);
}
