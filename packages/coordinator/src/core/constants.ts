import { DATA_CREDIT_BYTES_MAX } from '@gantry/common';

/** Heartbeats that must be missed before a lease ends: six, so that one or two late ones cost nothing (ADR 4). */
export const HEARTBEATS_PER_LEASE = 6;
/** Heartbeats missed after which a member is silent: whether it lives is then the question, not whether it moves. */
export const HEARTBEATS_TO_SILENCE = 2;
/** Before training a busy machine loads libraries and compiles: the lease counts this many times. */
export const STARTING_LEASES = 4;
/** Two beats of one phase may say that it began this much apart. */
export const SAME_PHASE_MS = 200;
/** A member counts as stalled when its phase lasts longer than this many times the longest seen lately of that phase. */
export const STALL_FACTOR = 3;
/**
 * Steps until what was the longest of a phase counts half. Long enough that an update with the penalty (every 16th of D's by
 * default) is remembered until the next one.
 */
export const LONGEST_HALF_LIFE_STEPS = 64;
/** Loading data, compiling, receiving state: no history to judge by. */
export const PREPARING_ALLOWANCE_MS = 120_000;
/** The first updates of a membership: first runs of every program, page faults, lazy allocations. */
export const FIRST_UPDATES_ALLOWANCE_MS = 60_000;
/** Steps after which a phase's history is believed. */
export const FIRST_STEPS = 2;
/** Copying the state or making pictures, which happen too rarely to have a history. */
export const SAVING_ALLOWANCE_MS = 30_000;
/** From the spawn of a local worker to its Hello. */
export const HELLO_ALLOWANCE_MS = 60_000;
/** From the last Done to the leader's last StateChunk. */
export const FINAL_STATE_ALLOWANCE_MS = 30_000;
/**
 * A report that may be the consequence of something else (a peer's broken connection, an exit without its Failure) waits this
 * long for its cause to be heard of. Part of the 2 s in which a fault ends a run.
 */
export const SUSPICION_MS = 150;

/** Refused workers that are told of; more are strangers at their work. */
export const REFUSALS_TOLD = 10;

/** Steps left out of `imagesPerSecond`: the first runs of every program, with and without the penalty. */
export const WARM_UP_STEPS = 8;
/** Time over which the rate shown while training is measured. */
export const RATE_WINDOW_MS = 5_000;
/** Least time between two progress events. */
export const PROGRESS_EVERY_MS = 200;
/** Steps whose sums are incomplete at one time; members are at most one update apart, but report in batches. */
export const PENDING_STEPS_MAX = 65_536;
/** Largest state that is assembled; the leader's layout gives the exact size below it. */
export const STATE_BYTES_MAX = 2 ** 33;
/** Checkpoints that are being written at one time; the next generation waits until its leader's have room. */
export const PENDING_SAVES_MAX = 8;

/** For so long everybody can say that it does not reach somebody before one goes. */
export const UNREACHED_WORDS_MS = 2_000;
/** A word that comes every second holds no longer than this. */
export const UNREACHED_FRESH_MS = 3_000;
/** A preparation is not held to be stuck before it is known who does not reach whom. */
export const UNREACHED_MARGIN_MS = 10_000;

/** Updates whose hashes some replicas have told and others not yet; replicas are at most one update apart, messages may be late. */
export const UNVERIFIED_UPDATES_MAX = 4096;
/** Outvoted so often, a worker's memory counts as broken: cosmic rays do not pick one machine twice. */
export const OUTVOTED_MAX = 2;
/** Divergences without a majority and without a checkpoint between them: going back leads nowhere. */
export const UNDECIDED_MAX = 3;

/**
 * So many generations may be missing in a journal: a disk that lied has taken its end, or all of it, and what members hold is
 * believed. One a second for twelve days; who claims to hold a later one makes it up, and would use the numbers up.
 */
export const GENERATIONS_MISSING_MAX = 2 ** 20;

/** A restarted coordinator waits for those who may hold the state: the lease counts this many times. */
export const RETURN_LEASES = 6;
/** Members that pause finish what no word can interrupt, a run of a program: the lease counts this many times, beside it. */
export const PAUSE_LEASES = 4;
/** Who is ready to join waits so long for others that are still loading, to come in with them: the lease counts this many times. */
export const JOIN_LEASES = 2;
/** A generation trains so long before others join it, as a part of the lease: no change of members follows on another without a step. */
export const JOIN_LEASE_PART = 1 / 3;
/** From the loss of a local worker to its next start, doubled with every attempt. */
export const RESTART_DELAY_MS = 100;
export const RESTART_DELAY_MS_MAX = 10_000;
/** Steps after which a worker's speed is known; more are forgotten by and by. */
export const BALANCE_STEPS = 40;
/** Shards move only if a step's gradients are ready so much sooner, in parts of 1. */
export const BALANCE_GAIN_MIN = 0.2;
/** A generation trains so long before its shards may move; twice as long after every time. */
export const BALANCE_AFTER_MS = 5_000;

/** A worker is a straggler when its gradients take so many times as long as the others', and so much longer in milliseconds. */
export const STRAGGLER_FACTOR = 2;
export const STRAGGLER_MS_MIN = 10;

/** Losses in a row in what may be the same update: then the update itself kills its workers. */
export const STRIKES_MAX = 3;

/** Losses that a status tells one by one: enough for a night of them; how many there were is counted. */
export const LOSSES_KEPT = 64;

/**
 * Bytes of the data set that one member may have asked for and not been sent. Twice its credit: what it has just got, and asks for
 * more instead, may not be known to have left yet.
 */
export const OWED_BYTES_MAX = 2 * DATA_CREDIT_BYTES_MAX;
/** Pieces of the data set that are read, or wait to leave, at one time, in bytes, whoever asks. */
export const SUPPLY_BYTES_MAX = 64 << 20;

/** Warnings of workers that are passed on: enough for every host of a run to say once what it lacks. */
export const NOTICES_TOLD = 64;
