import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { appendLines } from './append-lines.js';

const BUILT = new URL('../../dist/keys/append-lines.js', import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), 'gantry-append-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.restoreAllMocks();
});
const file = join(folder, 'allowed');
const read = (): string => readFileSync(file, 'utf8');

/** What happens between the write and the word that it is on the disk. */
function meanwhile(happens: () => void): void {
  vi.spyOn(fs, 'fsyncSync').mockImplementationOnce(happens);
}

describe('lines put behind those of a file', () => {
  it.each([
    ['', 'b\n'],
    ['a\n', 'a\nb\n'],
    ['a', 'a\nb\n'],
    ['a\r\n', 'a\r\nb\n'],
  ])('stand on their own behind %j', (before, after) => {
    writeFileSync(file, before);
    appendLines(file, 'b\n');
    expect(read()).toBe(after);
  });

  it('make no file that is not there', () => {
    expect(() => appendLines(join(folder, 'none'), 'b\n')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  it.skipIf(process.getuid?.() !== 0)('leave the file its owner and its permissions', () => {
    writeFileSync(file, 'a\n');
    chmodSync(file, 0o640);
    chownSync(file, 4711, 4712);
    const { ino } = statSync(file);
    appendLines(file, 'b\n');
    const { uid, gid, mode } = statSync(file);
    expect([uid, gid, mode & 0o777, statSync(file).ino]).toEqual([4711, 4712, 0o640, ino]);
    rmSync(file);
  });

  it('are taken back where the disk fails', () => {
    writeFileSync(file, 'a');
    meanwhile(() => {
      throw new Error('the disk failed');
    });
    expect(() => appendLines(file, 'b\n')).toThrow('the disk failed');
    expect(read()).toBe('a');
  });

  it('are not taken back together with those of somebody else', () => {
    writeFileSync(file, 'a\n');
    meanwhile(() => {
      appendFileSync(file, 'c\n');
      throw new Error('the disk failed');
    });
    expect(() => appendLines(file, 'b\n')).toThrow('the disk failed');
    expect(read()).toBe('a\nb\nc\n');
  });

  it('are told of as lost where another file was put in the place of that one', () => {
    writeFileSync(file, 'a\nrevoked\n');
    meanwhile(() => {
      writeFileSync(`${file}~`, 'a\n');
      renameSync(`${file}~`, file);
    });
    expect(() => appendLines(file, 'b\n')).toThrow(
      expect.objectContaining({ code: 'GANTRY_FILE_FAILED', message: expect.stringMatching(/replaced.*say it again/) }),
    );
    expect(read()).toBe('a\n');
  });

  it('are all there, of whoever adds some at the same time', async () => {
    writeFileSync(file, '');
    const ROUNDS = 500;
    const program = `import { appendLines } from '${BUILT}';
      for (let round = 0; round < ${ROUNDS}; round++) appendLines(process.argv[1], process.argv[2] + ' ' + round + '\\n');`;
    const names = ['alice', 'bob', 'carol'];
    const adding = names.map((name) => spawn(process.execPath, ['--input-type=module', '-e', program, file, name]));
    expect((await Promise.all(adding.map((child) => once(child, 'exit')))).map(([code]) => code)).toEqual([0, 0, 0]);
    const expected = names.flatMap((name) => Array.from({ length: ROUNDS }, (_, round) => `${name} ${round}`));
    expect(read().trim().split('\n').sort()).toEqual(expected.sort());
  });
});
