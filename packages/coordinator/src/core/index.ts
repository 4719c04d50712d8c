/** The coordinator's decisions without its shell: for the simulator, which runs them on a virtual clock. */
export { RETURN_LEASES } from './constants.js';
export { step } from './coordinator-core.js';
export type { CheckpointRecord, CoordinatorEvent, Effect, JournalRecord, Settings } from './events.js';
export type { RunResult } from './run-events.js';
export { type CoordinatorState, initialState, type MemberState } from './state.js';
