/** A worker's decisions without its shell: for the simulator, which runs them on a virtual clock. */
export { CoordinatorWatch } from './coordinator-watch.js';
export {
  hasLeft,
  initialWorker,
  isOver,
  type PreparationReport,
  stepWorker,
  type WorkerEffect,
  type WorkerEvent,
  type WorkerState,
} from './lifecycle.js';
export { dataTransport, type MemberRole, roleOf, shardRanges, tellsHash } from './member-role.js';
export { PieceCredit } from './piece-credit.js';
export { isStale } from './stale.js';
export { IncomingState } from './state-assembly.js';
export { parityAfter, StateImages } from './state-images.js';
