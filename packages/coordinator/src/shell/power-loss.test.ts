import { GANTRY_VERSION, sha256Hex } from '@gantry/common';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { FAKE_LAYOUT, fakeState } from '../testing/fake-worker.js';
import { ENDINGS, type Ending, FaultyFiles, type SyncFault } from '../testing/faulty-files.js';
import { readCheckpoint } from './checkpoint-reader.js';
import { cleanUnfinished, deleteCheckpoints, saveCheckpoint } from './checkpoint-writer.js';
import { replaceFile } from './durable.js';

const disk = vi.hoisted(() => ({ files: null as unknown as FaultyFiles }));

vi.mock('node:fs/promises', () => {
  const names = ['open', 'mkdir', 'readdir', 'readFile', 'stat', 'rename', 'rm'] as const;
  type Call = (...given: unknown[]) => unknown;
  return Object.fromEntries(
    names.map((name) => [name, (...given: unknown[]) => (disk.files.module[name] as Call)(...given)]),
  );
});

const RUN = '/run';
const CHECKPOINTS = '/run/checkpoints';
const JOURNAL = '/run/journal.json';

function save(step: number, state = fakeState(step)): Promise<string> {
  return saveCheckpoint(CHECKPOINTS, {
    state,
    layout: FAKE_LAYOUT,
    manifest: {
      ...{ formatVersion: 1, gantryVersion: GANTRY_VERSION, runId: 'run', runConfigJson: '{}', programHash: 'p' },
      ...{ update: step, step, stateSha256: sha256Hex(state), stateLayoutJson: JSON.stringify(FAKE_LAYOUT) },
    },
  });
}

/** The state that a resume finds. Nothing that has a name is damaged. */
async function resumed(): Promise<Float32Array> {
  await cleanUnfinished(CHECKPOINTS);
  const { state, damaged } = await readCheckpoint(RUN);
  expect(damaged).toEqual([]);
  return state;
}

const writeJournal = (text: string) => replaceFile(JOURNAL, text, { durable: true });
const readJournal = () => disk.files.module.readFile(JOURNAL, 'utf8');

interface Scenario {
  readonly before: () => Promise<unknown>;
  readonly work: () => Promise<unknown>;
  readonly read: () => Promise<unknown>;
  /** What may be found where the work did not come to its end, and what must be where it did. */
  readonly old: unknown;
  readonly new: unknown;
}

const other = fakeState(77);
const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'a first checkpoint beside the journal': {
    before: () => writeJournal('1'),
    work: () => save(1),
    read: async () => (await resumed().catch(() => null)) ?? 'none',
    old: 'none',
    new: fakeState(1),
  },
  'one more checkpoint': {
    before: () => save(1),
    work: () => save(2),
    read: resumed,
    old: fakeState(1),
    new: fakeState(2),
  },
  'another state of the same step': {
    before: () => save(1),
    work: () => save(1, other),
    read: resumed,
    old: fakeState(1),
    new: other,
  },
  'old ones that go': {
    before: async () => {
      for (const step of [1, 2, 3]) await save(step);
    },
    work: () => deleteCheckpoints(CHECKPOINTS, [1, 2]),
    read: resumed,
    old: fakeState(3),
    new: fakeState(3),
  },
  'one more, and old ones that go': {
    before: async () => {
      for (const step of [1, 2, 3]) await save(step);
    },
    work: async () => {
      await save(4);
      await deleteCheckpoints(CHECKPOINTS, [1, 2]);
    },
    read: resumed,
    old: fakeState(3),
    new: fakeState(4),
  },
  'what a crash left, cleaned': {
    before: async () => {
      await save(1);
      await disk.files.module.rename(`${CHECKPOINTS}/step-000001`, `${CHECKPOINTS}/.replaced-step-000001-x`);
      await disk.files.module.mkdir(`${CHECKPOINTS}/.unfinished-step-000001-x`);
    },
    work: () => cleanUnfinished(CHECKPOINTS),
    read: resumed,
    old: fakeState(1),
    new: fakeState(1),
  },
  'the journal': {
    before: () => writeJournal('generation 1'),
    work: () => writeJournal('generation 2'),
    read: readJournal,
    old: 'generation 1',
    new: 'generation 2',
  },
};

/** Calls that an undisturbed run of the work makes. */
async function begin({ before, work }: Scenario): Promise<number> {
  disk.files = new FaultyFiles();
  await disk.files.module.mkdir(CHECKPOINTS);
  await disk.files.run(before);
  disk.files.settle();
  await disk.files.run(work);
  return disk.files.calls;
}

async function endAt(scenario: Scenario, call: number, ending: Ending): Promise<void> {
  disk.files = new FaultyFiles();
  await disk.files.module.mkdir(CHECKPOINTS);
  await disk.files.run(scenario.before);
  disk.files.settle();
  const isDone = await disk.files.run(scenario.work, call);
  disk.files.end(ending);
  await disk.files.run(async () => {
    const found = await scenario.read();
    const what = `${ending}, at file-system call ${call}`;
    if (isDone) expect(found, `${what}, behind the end`).toEqual(scenario.new);
    else expect([scenario.old, scenario.new], what).toContainEqual(found);
  });
}

describe.each(ENDINGS)('a coordinator ends at every single call, and %s', (ending) => {
  it.each(Object.entries(SCENARIOS))(
    '%s: the old or the new is there, and the new once it was promised',
    async (_, scenario) => {
      const calls = await begin(scenario);
      expect(calls).toBeGreaterThanOrEqual(3);
      for (let call = 1; call <= calls + 1; call++) await endAt(scenario, call, ending);
    },
  );
});

/** Runs a scenario's work with broken syncs, then lets the power fail. Returns whether the work said that all was well. */
async function workWith(scenario: Scenario, syncs: readonly [SyncFault, number, number?], ending: Ending) {
  disk.files = new FaultyFiles();
  await disk.files.module.mkdir(CHECKPOINTS);
  await disk.files.run(scenario.before);
  disk.files.settle();
  disk.files.breakSyncs(...syncs);
  let error: unknown = null;
  await disk.files.run(() =>
    scenario.work().catch((cause) => {
      error = cause;
    }),
  );
  disk.files.mendSyncs();
  disk.files.end(ending);
  return error;
}

async function syncsOf(scenario: Scenario): Promise<number> {
  await begin(scenario);
  return disk.files.syncs;
}

const SYNCED = Object.entries(SCENARIOS).filter(([name]) => name !== 'old ones that go');

describe.each(ENDINGS)('a sync fails, whichever it is, and %s', (ending) => {
  it.each(SYNCED)('%s: an error says so, and the old or the new is there', async (_, scenario) => {
    const syncs = await syncsOf(scenario);
    expect(syncs).toBeGreaterThanOrEqual(1);
    for (let sync = 1; sync <= syncs; sync++) {
      const error = await workWith(scenario, ['fails', sync], ending);
      expect(error, `sync ${sync}`).toMatchObject({ code: 'GANTRY_FILE_FAILED' });
      await disk.files.run(async () => expect([scenario.old, scenario.new]).toContainEqual(await scenario.read()));
    }
  });
});

describe.each(ENDINGS)('a sync lies, whichever it is, or all of them, and %s', (ending) => {
  /** The one that is found, or the word that says what is damaged. */
  async function readAfter(scenario: Scenario, from: number, to: number): Promise<unknown> {
    expect(await workWith(scenario, ['lies', from, to], ending)).toBe(null);
    let found: unknown;
    await disk.files.run(async () => {
      await cleanUnfinished(CHECKPOINTS);
      found = await readCheckpoint(RUN).then(
        ({ state }) => state,
        ({ code }) => code,
      );
    });
    return found;
  }

  async function expectSoundAfter(name: keyof typeof SCENARIOS, allowed: readonly unknown[]): Promise<void> {
    const scenario = SCENARIOS[name]!;
    const syncs = await syncsOf(scenario);
    expect(syncs).toBeGreaterThanOrEqual(1);
    for (let sync = 1; sync <= syncs; sync++)
      expect(allowed, `sync ${sync} of ${syncs}`).toContainEqual(await readAfter(scenario, sync, sync));
    expect(allowed, 'all of them').toContainEqual(await readAfter(scenario, 1, syncs));
  }

  it('the checkpoint before is found where the last one is damaged or gone', () =>
    expectSoundAfter('one more checkpoint', [fakeState(1), fakeState(2)]));

  it('a first one is whole, or known to be damaged, or not there', () =>
    expectSoundAfter('a first checkpoint beside the journal', [
      fakeState(1),
      'GANTRY_CHECKPOINT_INVALID',
      'GANTRY_CHECKPOINT_NOT_FOUND',
    ]));

  it('one that was replaced is the old, or the new, or known to be damaged', () =>
    expectSoundAfter('another state of the same step', [fakeState(1), other, 'GANTRY_CHECKPOINT_INVALID']));

  it('one of those that were kept is found where the last one is damaged or gone', () =>
    expectSoundAfter('one more, and old ones that go', [fakeState(3), fakeState(4)]));

  it('what a crash left is found, cleaned or not', () =>
    expectSoundAfter('what a crash left, cleaned', [fakeState(1)]));

  it('a journal is the old or the new, or known to be damaged', async () => {
    const scenario = SCENARIOS['the journal']!;
    const syncs = await syncsOf(scenario);
    for (let sync = 0; sync <= syncs; sync++) {
      expect(await workWith(scenario, ['lies', sync === 0 ? 1 : sync, sync === 0 ? syncs : sync], ending)).toBe(null);
      await disk.files.run(async () => {
        // Of no content: none that was written is shorter.
        expect(['generation 1', 'generation 2', '']).toContain(await scenario.read());
      });
    }
  });
});

describe('a coordinator that is killed', () => {
  beforeEach(() => {
    disk.files = new FaultyFiles();
  });

  it('at every single call, and saves the same again: that survives a power failure', async () => {
    const calls = await begin(SCENARIOS['one more checkpoint']!);
    for (let call = 1; call <= calls; call++) {
      disk.files = new FaultyFiles();
      await disk.files.module.mkdir(CHECKPOINTS);
      disk.files.settle();
      await disk.files.run(() => save(2), call);
      await disk.files.run(() => cleanUnfinished(CHECKPOINTS).then(() => save(2)));
      disk.files.end('only what is synced is left');
      await disk.files.run(async () => expect(await resumed(), `killed at call ${call}`).toEqual(fakeState(2)));
    }
  });
});
