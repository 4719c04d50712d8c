import fs, { appendFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKeyPair } from '@gantry/common/keys';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AllowListFile } from './allow-list-file.js';
import { ALLOW_LIST_SETTLED_MS } from './constants.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-allowed-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'allowed');
const [alice, bob] = ['alice', 'bob'].map((name) => ({ name, publicKey: generateKeyPair().publicKey }));
const write = (...names: readonly { name: string; publicKey: string }[]): void =>
  writeFileSync(file, names.map(({ name, publicKey }) => `${name} ${publicKey}\n`).join(''), { mode: 0o600 });

describe('the allow-list on disk', () => {
  const revoked: string[] = [];
  const problems: string[] = [];
  const open = (): AllowListFile => {
    write(alice!, bob!);
    return new AllowListFile(file, {
      revoked: (_, name) => revoked.push(name),
      problem: (message) => problems.push(message),
    });
  };
  beforeEach(() => {
    revoked.length = 0;
    problems.length = 0;
  });

  it('cuts nobody while an editor has emptied the file, or written half of it', () => {
    const list = open();
    writeFileSync(file, '');
    list.refresh(0);
    writeFileSync(file, `alice ${alice!.publicKey.slice(0, 9)}`);
    list.refresh(ALLOW_LIST_SETTLED_MS);
    expect(list.size).toBe(2);
    write(alice!);
    list.refresh(2 * ALLOW_LIST_SETTLED_MS);
    expect(revoked).toEqual([]);
    list.refresh(3 * ALLOW_LIST_SETTLED_MS);
    expect([revoked, problems, list.nameOf(bob!.publicKey)]).toEqual([['bob'], [], undefined]);
  });

  it('cuts everybody by an empty file that stays', () => {
    const list = open();
    writeFileSync(file, '');
    for (const nowMs of [0, ALLOW_LIST_SETTLED_MS - 1]) list.refresh(nowMs);
    expect(revoked).toEqual([]);
    for (const nowMs of [1, 2]) list.refresh(nowMs * ALLOW_LIST_SETTLED_MS);
    expect(revoked.sort()).toEqual(['alice', 'bob']);
  });

  it('admits who is added at once', () => {
    const list = open();
    const carol = { name: 'carol', publicKey: generateKeyPair().publicKey };
    write(alice!, bob!, carol);
    list.refresh(0);
    expect(list.nameOf(carol.publicKey)).toBe('carol');
  });

  it('admits nobody by a line that was written only in part, and keeps everybody else', () => {
    const carol = generateKeyPair().publicKey;
    const line = `carol ${carol}`;
    for (let length = 1; length <= line.length; length++) {
      const list = open();
      appendFileSync(file, line.slice(0, length));
      for (const nowMs of [0, ALLOW_LIST_SETTLED_MS]) list.refresh(nowMs);
      const isWhole = length === line.length;
      expect([list.size, list.nameOf(alice!.publicKey)]).toEqual([isWhole ? 3 : 2, 'alice']);
      expect(list.nameOf(carol)).toBe(isWhole ? 'carol' : undefined);
    }
    expect(revoked).toEqual([]);
  });

  it('tells once of a file that stays broken', () => {
    const list = open();
    writeFileSync(file, 'alice half-a-key');
    for (const nowMs of [0, 1, 2, 3]) list.refresh(nowMs * ALLOW_LIST_SETTLED_MS);
    expect([problems, list.size]).toEqual([[expect.stringMatching(/stays as it was.*line 1/)], 2]);
  });

  it('stays as it is, and says so, where the system does not even say what is there', () => {
    const list = open();
    rmSync(file);
    symlinkSync(file, file);
    for (const nowMs of [0, 1, 2, 3]) list.refresh(nowMs * ALLOW_LIST_SETTLED_MS);
    expect([problems, list.size]).toEqual([[expect.stringMatching(/stays as it was.*ELOOP/)], 2]);
    rmSync(file);
    write(alice!);
    for (const nowMs of [4, 5]) list.refresh(nowMs * ALLOW_LIST_SETTLED_MS);
    expect(revoked).toEqual(['bob']);
  });

  it('takes an edit over that could not be read at first, although the file has not changed since', () => {
    const list = open();
    write(alice!);
    const openSync = vi.spyOn(fs, 'openSync').mockImplementation(() => {
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    });
    for (const nowMs of [0, 1, 2]) list.refresh(nowMs * ALLOW_LIST_SETTLED_MS);
    expect([revoked, problems]).toEqual([[], [expect.stringMatching(/stays as it was.*EMFILE/)]]);
    openSync.mockRestore();
    list.refresh(3 * ALLOW_LIST_SETTLED_MS);
    expect([revoked, problems.length]).toEqual([['bob'], 1]);
  });
});
