export type { FlightDump } from './core/flight-dump.js';
export { type FlightRecord, FlightRecorder } from './core/flight-recorder.js';
export type { WorkerOptions } from './core/worker-options.js';
export { runWorker } from './shell/run-worker.js';
