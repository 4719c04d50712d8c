/** Widths of the classifier's hidden layers; the last is the number of features that distances are measured in. */
export const HIDDEN_UNITS = [256, 128] as const;
export const FEATURES = HIDDEN_UNITS[1];
/** Images a training step. */
export const BATCH = 128;
/** Training steps by default: three passes over MNIST, for about 98 % of its test images right. */
export const STEPS = 1400;
/** Images a forward pass when judging: large enough for the matrix products, small enough for the caches. */
export const FORWARD_BATCH = 256;
export const ADAM = { learningRate: 3e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;
/** Change it when training gives other weights for the same options: it is part of the cache's key. */
export const CLASSIFIER_VERSION = 1;
