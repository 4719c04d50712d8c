/** Samples of `gantry generate`: a square of 8 × 8. */
export const SAMPLES_DEFAULT = 64;

/** Steps of `gantry bench train`: enough for a rate that start-up does not touch, some seconds in all. */
export const BENCH_STEPS_DEFAULT = 400;

/** Sizes of `gantry bench allreduce`: a handful of floats, a small layer, the article's networks, and large models. */
export const VECTOR_SIZES_DEFAULT = '4096,1MB,2.24MB,16.8MB,67MB';

/** A live coordinator writes its status every second: after so many milliseconds it is stopped, hangs, or its disk is full. */
export const STALE_STATUS_MS = 5_000;
/** A phase of an update that lasts longer, in milliseconds, is worth a word. */
export const LONG_PHASE_MS = 1_000;
/** Newest lines of a flight recorder that are shown; `--json` has all of them. */
export const FLIGHT_LINES = 12;
/** Newest losses that are shown. */
export const LOSSES_SHOWN = 10;

/** How often a process says that its event loop turns, in milliseconds. */
export const HEALTH_EVERY_MS = 2_000;
/** Longer than the longest call that blocks it: a large program is compiled, a large batch computed. */
export const HEALTH_STALE_MS = 30_000;
