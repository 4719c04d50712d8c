import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sha256Hex } from '@gantry/common';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FAKE_LAYOUT, fakeState } from '../testing/fake-worker.js';
import { TEST_CONFIG } from '../testing/transcript.js';
import { Artifacts } from './artifacts.js';
import { settingsOf } from './options.js';
import { RunDirectory } from './run-directory.js';

let folder: string;
let directory: RunDirectory;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'gantry-artifacts-'));
  directory = await RunDirectory.open(folder);
});

afterEach(async () => {
  await directory.close();
  await rm(folder, { recursive: true, force: true });
});

it('a checkpoint is there only when the metrics up to it are', async () => {
  const options = { config: TEST_CONFIG, runDirectory: folder, localWorkers: 0, workerCommand: [], onEvent() {} };
  const artifacts = new Artifacts(settingsOf(options, null, 0), directory, {
    onCheckpoint: () => {},
    onSample: () => {},
    onError: (error) => expect.fail(String(error)),
  });
  const state = fakeState(4);
  const data = new Uint8Array(state.buffer);
  artifacts.storeChunk({ type: 'storeChunk', update: 4, offset: 0, totalBytes: data.length, data });
  artifacts.saveCheckpoint({
    type: 'saveCheckpoint',
    update: 4,
    step: 2,
    stateSha256: sha256Hex(state),
    programHash: 'p',
    stateLayoutJson: JSON.stringify(FAKE_LAYOUT),
  });
  for (const step of [1, 2]) directory.addMetrics({ step }, (error) => expect.fail(error.message));
  await artifacts.settled();
  expect(await readFile(path.join(folder, 'metrics.jsonl'), 'utf8')).toBe('{"step":1}\n{"step":2}\n');
  expect(await readdir(directory.checkpoints)).toEqual(['step-000002']);
});

it('a picture is written as a whole', async () => {
  const file = await directory.writeSample(3, new Uint8Array([1, 2, 3]));
  expect([...(await readFile(file))]).toEqual([1, 2, 3]);
  expect(await readdir(path.join(folder, 'samples'))).toEqual(['000003.png']);
});
