export type { CheckpointRecord } from './core/events.js';
export type { LossRecord, MemberSummary, PhaseMs, RunEvent, RunResult, StepSummary } from './core/run-events.js';
export type { RunFailure } from './core/state.js';
export type { AbsentWorker, MemberStatusReport, RunStatus } from './core/status.js';
export { type Checkpoint, readCheckpoint } from './shell/checkpoint-reader.js';
export { listCheckpoints } from './shell/checkpoint-writer.js';
export { FLIGHT_SUFFIX } from './shell/constants.js';
export { checkBind } from './shell/control-socket.js';
export { startCoordinator } from './shell/coordinator.js';
export type { CheckpointManifest } from './shell/manifest.js';
export type { CoordinatorOptions, RunningCoordinator } from './shell/options.js';
export type { Picture } from './shell/picture.js';
export {
  encodePicture,
  type GridOptions,
  type ImageBatch,
  imageGrid,
  sideBySide,
} from './shell/pictures.js';

export { processState } from './shell/run-lock.js';
export { type RunStatusReport, readStatus, type StoredLoss } from './shell/status-file.js';
