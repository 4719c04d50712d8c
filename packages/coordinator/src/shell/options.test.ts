import path from 'node:path';
import { expect, it } from 'vitest';
import { TEST_CONFIG } from '../testing/transcript.js';
import { takeOverCommandOf } from './options.js';

const options = { config: TEST_CONFIG, runDirectory: '/runs/my run', workerCommand: [], onEvent: () => {} };

it('says how the workers that were started by hand go on, with the keys that they know', () => {
  const command = "npx gantry coordinator --resume --out '/runs/my run'";
  expect(takeOverCommandOf({ ...options, localWorkers: 0 })).toBe(command);
  const keyed = takeOverCommandOf({ ...options, localWorkers: 0, keys: 'keys' });
  expect(keyed).toBe(`${command} --keys ${path.resolve('keys')}`);
  // They end with their coordinator.
  expect(takeOverCommandOf({ ...options, localWorkers: 2 })).toBeNull();
});
