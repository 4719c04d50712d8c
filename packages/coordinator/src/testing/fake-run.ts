import { fileURLToPath } from 'node:url';
import { startCoordinator } from '../shell/coordinator.js';
import { TEST_CONFIG } from './transcript.js';

// A coordinator of its own with two fake workers, to be killed: `node fake-run.js RUN_DIRECTORY`.
const runDirectory = process.argv[2];
if (runDirectory !== undefined) {
  await startCoordinator({
    config: { ...TEST_CONFIG, steps: 100_000 },
    runDirectory,
    localWorkers: 2,
    workerCommand: [process.execPath, fileURLToPath(new URL('fake-worker.js', import.meta.url))],
    onEvent: (event) => console.log(JSON.stringify(event)),
  });
}
