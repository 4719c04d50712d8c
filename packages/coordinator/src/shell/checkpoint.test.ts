import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { GANTRY_VERSION, type GantryError, type StateLayout, sha256Hex } from '@gantry/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FAKE_LAYOUT, fakeState } from '../testing/fake-worker.js';
import { readCheckpoint, readPieces } from './checkpoint-reader.js';
import { cleanUnfinished, deleteCheckpoints, saveCheckpoint } from './checkpoint-writer.js';
import { decodeHeader, encodeHeader, headerLength } from './safetensors.js';

let run: string;
let checkpoints: string;

beforeEach(async () => {
  run = await mkdtemp(path.join(tmpdir(), 'gantry-checkpoint-'));
  checkpoints = path.join(run, 'checkpoints');
  await mkdir(checkpoints);
});

afterEach(() => rm(run, { recursive: true, force: true }));

interface Change {
  state?: Float32Array;
  stateSha256?: string;
  layout?: StateLayout;
  folder?: string;
  beforeVisible?: () => Promise<void>;
}

function save(step: number, change: Change = {}) {
  const { state = fakeState(2 * step), layout = FAKE_LAYOUT, folder = checkpoints, beforeVisible } = change;
  return saveCheckpoint(folder, {
    ...(beforeVisible === undefined ? {} : { beforeVisible }),
    state,
    layout,
    manifest: {
      formatVersion: 1,
      gantryVersion: GANTRY_VERSION,
      runId: 'run',
      update: 2 * step,
      step,
      stateSha256: change.stateSha256 ?? sha256Hex(state),
      runConfigJson: '{}',
      programHash: 'p',
      stateLayoutJson: JSON.stringify(layout),
    },
  });
}

async function failureOf(promise: Promise<unknown>): Promise<GantryError> {
  return promise.then(
    () => expect.fail('it did not fail'),
    (error) => error as GantryError,
  );
}

const stateFile = (step: number) => path.join(checkpoints, `step-00000${step}`, 'state.safetensors');

describe('a checkpoint', () => {
  it('comes back bit by bit, the newest by default', async () => {
    await save(1);
    await save(2);
    const { manifest, state, layout, damaged } = await readCheckpoint(run);
    expect(manifest).toMatchObject({ step: 2, update: 4 });
    expect(state).toEqual(fakeState(4));
    expect(layout).toEqual(FAKE_LAYOUT);
    expect(damaged).toEqual([]);
    expect((await readCheckpoint(run, { step: 1 })).state).toEqual(fakeState(2));
    expect((await readCheckpoint(run, { step: 1 })).manifest.step).toBe(1);
  });

  it('is read in pieces, as the system reads no file of more than 2 GiB at once', async () => {
    const content = Buffer.from('twenty-three bytes here');
    await writeFile(path.join(run, 'file'), content);
    const file = await open(path.join(run, 'file'));
    const lengths: number[] = [];
    const handle = {
      read: (into: Uint8Array, at: number, length: number, position: number) => {
        lengths.push(length);
        return file.read(into, at, length, position);
      },
    };
    const into = Buffer.alloc(content.length);
    expect(await readPieces(handle, into, 8)).toBe(content.length);
    expect([into.equals(content), lengths]).toEqual([true, [8, 8, 7]]);
    expect(await readPieces(handle, Buffer.alloc(30), 8)).toBe(content.length);
    await file.close();
  });

  it('names its tensors by network, role and layer, without padding', async () => {
    await save(1);
    const file = await readFile(stateFile(1));
    const header = JSON.parse(file.toString('utf8', 8, 8 + headerLength(file, file.length))) as Record<string, object>;
    expect(header['discriminator/params/dense/kernel']).toEqual({ dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] });
    expect(header['generator/ema/dense/kernel']).toEqual({ dtype: 'F32', shape: [4], data_offsets: [40, 56] });
    expect((8 + headerLength(file, file.length)) % 8).toBe(0);
  });

  it('is not saved if a value is not finite, and the tensor is named', async () => {
    const state = fakeState(2);
    state[17] = Number.NaN;
    const error = await failureOf(save(1, { state }));
    expect(error.code).toBe('GANTRY_NON_FINITE');
    expect(error.message).toContain('generator/params/dense/kernel, element 1');
    expect(await readdir(checkpoints)).toEqual([]);
  });

  it('is not saved if the state is not what its SHA-256 says', async () => {
    const error = await failureOf(save(1, { state: fakeState(2), stateSha256: sha256Hex(fakeState(3)) }));
    expect(error).toMatchObject({ code: 'GANTRY_PROTOCOL_INVALID' });
    expect(await readdir(checkpoints)).toEqual([]);
  });

  it('of the same step replaces another, and is left alone if it is the same', async () => {
    await save(1);
    await save(1);
    await save(1, { state: fakeState(7) });
    expect((await readCheckpoint(run)).state).toEqual(fakeState(7));
    expect(await readdir(checkpoints)).toEqual(['step-000001']);
  });

  it('that was being replaced comes back if the new one did not get its name', async () => {
    await save(1);
    await save(2);
    await rename(path.join(checkpoints, 'step-000001'), path.join(checkpoints, '.replaced-step-000001-x'));
    await mkdir(path.join(checkpoints, '.replaced-step-000002-x'));
    await cleanUnfinished(checkpoints);
    expect(await readdir(checkpoints)).toEqual(['step-000001', 'step-000002']);
    expect((await readCheckpoint(run, { step: 1 })).state).toEqual(fakeState(2));
  });

  it('is not seen before what must be there first, and a failure of that leaves the old one', async () => {
    await save(1);
    const seen: string[] = [];
    const beforeVisible = async () => {
      seen.push(...(await readdir(checkpoints)));
      throw new Error('no room');
    };
    await failureOf(save(1, { state: fakeState(9), beforeVisible }));
    expect(seen.filter((name) => !name.startsWith('.'))).toEqual(['step-000001']);
    expect((await readCheckpoint(run)).state).toEqual(fakeState(2));
    expect(await readdir(checkpoints)).toEqual(['step-000001']);
  });

  it('leaves nothing behind when it is deleted, and what a crash left is cleaned', async () => {
    await save(1);
    await save(2);
    await mkdir(path.join(checkpoints, '.unfinished-step-000003-x'));
    await writeFile(path.join(checkpoints, '.unfinished-step-000003-x', 'state.safetensors'), 'half');
    expect((await readCheckpoint(run)).manifest.step).toBe(2);
    await deleteCheckpoints(checkpoints, [1, 9]);
    await cleanUnfinished(checkpoints);
    expect(await readdir(checkpoints)).toEqual(['step-000002']);
  });

  it('that is not there is named, with those that are', async () => {
    expect(await failureOf(readCheckpoint(run))).toMatchObject({ code: 'GANTRY_CHECKPOINT_NOT_FOUND' });
    await save(3);
    const error = await failureOf(readCheckpoint(run, { step: 4 }));
    expect(error.code).toBe('GANTRY_CHECKPOINT_NOT_FOUND');
    expect(error.message).toContain('it has those of steps 3');
  });
});

describe('a damaged checkpoint', () => {
  const damages: [string, (file: string) => Promise<void>][] = [
    ['truncated', async (file) => truncate(file, (await readFile(file)).length - 4)],
    ['empty', (file) => writeFile(file, '')],
    ['longer', async (file) => writeFile(file, Buffer.concat([await readFile(file), Buffer.alloc(4)]))],
    ['missing', (file) => rm(file)],
    ['a header of 2^60 bytes', async (file) => flip(file, 7, 0x10)],
  ];

  async function flip(file: string, at: number, bits: number): Promise<void> {
    const bytes = await readFile(file);
    bytes[at]! ^= bits;
    await writeFile(file, bytes);
  }

  it.each(damages)('%s: named, and the one before it is used', async (_, damage) => {
    await save(1);
    await save(2);
    await damage(stateFile(2));
    const { manifest, damaged } = await readCheckpoint(run);
    expect(manifest.step).toBe(1);
    expect(damaged).toHaveLength(1);
    expect(damaged[0]!.message).toContain('step-000002 is damaged');
    expect(await failureOf(readCheckpoint(run, { step: 2 }))).toMatchObject({ code: 'GANTRY_CHECKPOINT_INVALID' });
  });

  it('any flipped bit of its files is found', async () => {
    await save(1);
    for (const name of ['state.safetensors', 'manifest.json']) {
      const file = path.join(checkpoints, 'step-000001', name);
      const good = await readFile(file);
      for (let at = 0; at < good.length; at += 7) {
        const bad = Buffer.from(good);
        bad[at]! ^= 1 << (at % 8);
        await writeFile(file, bad);
        const read = await readCheckpoint(run).catch((error: GantryError) => error.code);
        // The manifest's own words (run, versions, configuration) have no hash; what they say of the state has.
        if (name === 'state.safetensors') expect(read, `byte ${at}`).toBe('GANTRY_CHECKPOINT_INVALID');
        else if (typeof read !== 'string') expect(read.state).toEqual(fakeState(2));
        else expect(read).toBe('GANTRY_CHECKPOINT_INVALID');
      }
      await writeFile(file, good);
    }
  });

  it('without a sound one before it is an error that names all', async () => {
    await save(1);
    await flip(stateFile(1), 300, 1);
    const error = await failureOf(readCheckpoint(run));
    expect(error.code).toBe('GANTRY_CHECKPOINT_INVALID');
    expect(error.message).toContain('step-000001');
  });
});

describe('safetensors headers', () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const tensor = (begin: number, end: number, shape: number[]) => ({ dtype: 'F32', shape, data_offsets: [begin, end] });

  it('are read as they were written', () => {
    const file = encodeHeader(
      [
        { name: 'a', shape: [2, 2] },
        { name: 'b', shape: [] },
      ],
      { step: '1' },
    );
    const header = file.subarray(8, 8 + headerLength(file, file.length));
    expect(decodeHeader(header, 20)).toEqual({
      tensors: [
        { name: 'a', shape: [2, 2], begin: 0, end: 16 },
        { name: 'b', shape: [], begin: 16, end: 20 },
      ],
      metadata: { step: '1' },
    });
  });

  it.each([
    ['no object', '[]', 0, /begin with/],
    ['blanks in front', ' {}', 0, /begin with/],
    ['no JSON', '{"a":', 0, /no JSON/],
    ['a gap', JSON.stringify({ a: tensor(4, 8, [1]) }), 8, /begins at byte 4/],
    ['an overlap', JSON.stringify({ a: tensor(0, 8, [2]), b: tensor(4, 12, [2]) }), 12, /begins at byte 4/],
    ['data left over', JSON.stringify({ a: tensor(0, 4, [1]) }), 8, /end at byte 4 of 8/],
    ['data missing', JSON.stringify({ a: tensor(0, 8, [2]) }), 4, /end at byte 8 of 4/],
    ['a shape that is not its size', JSON.stringify({ a: tensor(0, 8, [3]) }), 8, /12 are expected/],
    ['a shape beyond all numbers', JSON.stringify({ a: tensor(0, 8, [2 ** 40, 2 ** 40]) }), 8, /expected/],
    ['a negative size', JSON.stringify({ a: tensor(0, 4, [-1]) }), 4, /no valid shape/],
    ['another type', '{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}', 8, /only F32/],
    ['a field more', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}', 4, /a field x/],
    ['a name twice', `{"a":${JSON.stringify(tensor(0, 4, [1]))},"a":${JSON.stringify(tensor(0, 4, [1]))}}`, 4, /twice/],
    ['a name that climbs', JSON.stringify({ '../a': tensor(0, 4, [1]) }), 4, /names a tensor/],
    ['metadata that are no strings', '{"__metadata__":{"a":1}}', 0, /table of strings/],
  ])('with %s are refused', (_, text, dataBytes, message) => {
    expect(() => decodeHeader(bytes(text), dataBytes)).toThrow(message);
  });
});

/** A file system of `bytes`; null where this user may not mount one. */
function mountSmall(folder: string, bytes: string): (() => void) | null {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder], { stdio: 'ignore' });
    return () => execFileSync('umount', [folder], { stdio: 'ignore' });
  } catch {
    return null;
  }
}

it('a full disk is GANTRY_DISK_FULL, and earlier checkpoints are intact (needs to mount a tmpfs)', async (context) => {
  const small = path.join(run, 'small');
  await mkdir(small);
  const unmount = mountSmall(small, '1m');
  if (unmount === null) return context.skip('tmpfs cannot be mounted here');
  try {
    const folder = path.join(small, 'checkpoints');
    await mkdir(folder);
    const length = 160 * 1024;
    const layout: StateLayout = {
      length,
      sections: [
        {
          network: 'generator',
          role: 'params',
          offset: 0,
          length,
          layout: { length, entries: [{ name: 'kernel', shape: [length], offset: 0, length }] },
        },
      ],
    };
    const state = new Float32Array(length).fill(0.5);
    await save(1, { state, layout, folder });
    const error = await failureOf(save(2, { state: state.map((x) => x + 1), layout, folder }));
    expect(error.code).toBe('GANTRY_DISK_FULL');
    expect(await readdir(folder)).toEqual(['step-000001']);
    expect((await readCheckpoint(small)).state).toEqual(state);
  } finally {
    unmount();
  }
});
