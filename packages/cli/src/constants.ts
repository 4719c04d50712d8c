/** Samples of `gantry generate`: a square of 8 × 8. */
export const SAMPLES_DEFAULT = 64;

/** Steps of `gantry bench train`: enough for a rate that start-up does not touch, some seconds in all. */
export const BENCH_STEPS_DEFAULT = 400;

/** Sizes of `gantry bench allreduce`: a handful of floats, a small layer, the article's networks, and large models. */
export const VECTOR_SIZES_DEFAULT = '4096,1MB,2.24MB,16.8MB,67MB';
