import { mkdir, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { GANTRY_VERSION, sha256Hex } from '@gantry/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FAKE_LAYOUT, fakeState } from '../testing/fake-worker.js';
import { TEST_CONFIG } from '../testing/transcript.js';
import { saveCheckpoint } from './checkpoint-writer.js';
import { type Journal, readJournal } from './journal-file.js';

let run: string;
let file: string;

beforeEach(async () => {
  run = await mkdtemp(path.join(tmpdir(), 'gantry-journal-'));
  file = path.join(run, 'journal.json');
  await mkdir(path.join(run, 'checkpoints'));
});

afterEach(() => rm(run, { recursive: true, force: true }));

const JOURNAL: Journal = {
  ...{ runId: 'run-1', gantryVersion: GANTRY_VERSION, config: TEST_CONFIG, generation: 7, committedUpdate: 41 },
  ...{ checkpoint: null, members: [{ worker: 'a', host: 'h', shards: [0] }], distrusted: 3 },
};

function save(step: number): Promise<string> {
  const state = fakeState(2 * step);
  return saveCheckpoint(path.join(run, 'checkpoints'), {
    state,
    layout: FAKE_LAYOUT,
    manifest: {
      ...{ formatVersion: 1, gantryVersion: GANTRY_VERSION, runId: 'run-1', programHash: 'p', update: 2 * step, step },
      ...{ runConfigJson: JSON.stringify(TEST_CONFIG), stateLayoutJson: JSON.stringify(FAKE_LAYOUT) },
      stateSha256: sha256Hex(state),
    },
  });
}

describe('the journal', () => {
  it('is what was written', async () => {
    await writeFile(file, JSON.stringify(JOURNAL));
    expect(await readJournal(run)).toEqual({ journal: JOURNAL, problem: null });
  });

  it.each([
    ['is torn', () => writeFile(file, JSON.stringify(JOURNAL).slice(0, 100)), /cannot read .*journal\.json: .*JSON/],
    ['is empty', () => writeFile(file, ''), /cannot read .*journal\.json: .*JSON/],
    ['is full of zeros', () => writeFile(file, Buffer.alloc(300)), /cannot read .*journal\.json: .*JSON/],
    ['holds something else', () => writeFile(file, '{"runId":"run-1"}'), /journal\.json is damaged/],
    ['holds nothing', () => writeFile(file, 'null'), /journal\.json is damaged/],
    ['is gone', async () => {}, /no journal\.json/],
  ])('that %s is made of the newest checkpoint that can be read', async (_, damage, problem) => {
    await save(1);
    const folder = await save(2);
    const newest = await save(3);
    await truncate(path.join(newest, 'manifest.json'), 10);
    await damage();
    const found = await readJournal(run);
    const checkpoint = { update: 4, step: 2, stateSha256: sha256Hex(fakeState(4)), path: folder };
    expect(found.journal).toEqual({
      ...{ ...JOURNAL, generation: 0, distrusted: 0, members: null },
      ...{ committedUpdate: 4, checkpoint },
    });
    expect(found.problem).toMatch(problem);
    expect(found.problem).toContain('the checkpoint of step 2 takes its place');
  });

  it('is found by a checkpoint that lies aside, too', async () => {
    const folder = await save(1);
    await rename(folder, path.join(run, 'checkpoints', '.replaced-step-000001-x'));
    expect((await readJournal(run)).journal).toMatchObject({ runId: 'run-1', checkpoint: { step: 1, path: folder } });
  });

  it('that is damaged before anything was saved is an error that names it', async () => {
    await writeFile(file, '{"run');
    await expect(readJournal(run)).rejects.toMatchObject({
      code: 'GANTRY_RUN_NOT_FOUND',
      message: expect.stringMatching(/cannot read .*journal\.json.*begin the run anew/),
    });
  });

  it('that may not be read is for a person to mend', async () => {
    await save(1);
    await mkdir(file);
    await expect(readJournal(run)).rejects.toMatchObject({ message: expect.stringMatching(/EISDIR/) });
  });
});
