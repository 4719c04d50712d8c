export type { PhaseMs, RunEvent, RunResult } from './core/run-events.js';
