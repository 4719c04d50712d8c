export { type ChangeEffect, type ConfigChange, diffConfig } from './config/diff.js';
export {
  type AdamConfig,
  type EngineName,
  NETWORKS,
  type NetworkName,
  type RunConfig,
  type Topology,
  type Transport,
  type UpdateMode,
  type WireType,
} from './config-types.js';
export {
  DATASET_FORMS,
  DATASET_KINDS,
  type DatasetKind,
  type DatasetName,
  parseDatasetName,
  resolveDatasetName,
} from './dataset-name.js';
export { deviceOfWorker } from './device-list.js';
export { assert, assertNever, ERROR_CODES, type ErrorCode, type ErrorDetails, GantryError } from './errors.js';
export { COORDINATOR_FAULT, type Fault, type FaultKind, parseFault } from './fault.js';
export { fileError } from './file-error.js';
export { Sha256, sha256Hex } from './hash.js';
export { ALIGNMENT_FLOATS, alignFloats, createLayout, type Layout, type LayoutEntry, layoutViews } from './layout.js';
export { createLogger, type LoggerOptions, SILENT_LOGGER } from './log.js';
export { isLoopback } from './loopback.js';
export type { Clock, Logger, LogLevel } from './ports.js';
export { decodeEnvelope, encodeEnvelope } from './protocol/codec.js';
export {
  DATA_CREDIT_BYTES_MAX,
  DATA_PIECE_BYTES_MAX,
  DATASET_MANIFEST_CHARS_MAX,
  ENVELOPE_BYTES_MAX,
  GANTRY_VERSION,
  PROTOCOL_VERSION,
  SAMPLES_BYTES_MAX,
  SEALED_PART_BYTES_MAX,
  STATE_CHUNK_BYTES_MAX,
  STATES_IN_FLIGHT_MAX,
  unreachedAfterMs,
} from './protocol/constants.js';
export {
  type Abort,
  type Assignment,
  type Bye,
  type DataChunk,
  type DataRequest,
  type DatasetAnswer,
  type DatasetQuery,
  type Done,
  type Envelope,
  type Failure,
  type Heartbeat,
  type Hello,
  type Joined,
  type Leave,
  type LinkCosts,
  type Member,
  type Message,
  type MessageKind,
  type Metrics,
  type Notice,
  type Pause,
  type Paused,
  PHASES,
  type Phase,
  PLACES,
  type Place,
  type Ready,
  type Refused,
  type Rejoin,
  type Samples,
  type Start,
  type StateChunk,
  type StateHash,
  type StateReceived,
  type StateRequest,
  type StepMetrics,
  type Stop,
  type Stopped,
  type StopRequest,
  UNMEASURED,
  type Unreached,
  type Welcome,
} from './protocol/messages.js';
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
export { SAME_REQUEST_MS, StopRequests } from './stop-requests.js';
export { editDistance, nearest, plural, shellQuote, suggestion } from './text.js';
