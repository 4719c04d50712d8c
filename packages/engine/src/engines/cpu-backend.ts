import { MathBackendCPU } from '../tfjs.js';

/**
 * Importing this registers tfjs's cpu backend, without the advertisement of another package that it prints on its first
 * use in Node: Gantry chooses engines itself, and its output is read by scripts.
 */
Object.defineProperty(MathBackendCPU.prototype, 'firstUse', { get: () => false, set: () => {}, configurable: true });

/** The backend's name in tfjs. */
export const CPU_BACKEND = 'cpu';
