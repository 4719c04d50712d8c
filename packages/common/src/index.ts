export {
  type AdamConfig,
  type EngineName,
  NETWORKS,
  type NetworkName,
  type RunConfig,
  type Topology,
  type Transport,
  type UpdateMode,
} from './config-types.js';
export { assert, assertNever, ERROR_CODES, type ErrorCode, type ErrorDetails, GantryError } from './errors.js';
export { ALIGNMENT_FLOATS, alignFloats, createLayout, type Layout, type LayoutEntry, layoutViews } from './layout.js';
export type { Clock, Logger, LogLevel } from './ports.js';
export {
  fillNormal,
  fillNormalRows,
  fillUniform,
  fillWords,
  type RandomKey,
  STREAMS,
  type StreamName,
  threefry,
} from './random.js';
export type { StateLayout, StateRole, StateSection } from './state-layout.js';
