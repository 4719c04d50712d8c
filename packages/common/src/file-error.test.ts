import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { GantryError } from './errors.js';
import { fileError } from './file-error.js';

const failed = (code: string) => Object.assign(new Error(`${code}: something, open 'x'`), { code });

it.each([
  ['EROFS', 'GANTRY_FILE_FAILED', 'cannot write x: the file system is read-only; use another --out'],
  ['EACCES', 'GANTRY_FILE_FAILED', 'permission denied; change who may write there, or use another --out'],
  ['EEXIST', 'GANTRY_FILE_FAILED', 'there is something else of that name already; move that away, or'],
  ['ENODEV', 'GANTRY_FILE_FAILED', "cannot write x: ENODEV: something, open 'x'; use another --out"],
  ['ENOSPC', 'GANTRY_DISK_FULL', 'no room to write x (ENOSPC); free some space, or use another --out'],
  ['EDQUOT', 'GANTRY_DISK_FULL', 'no room to write x (EDQUOT)'],
  ['ERR_INVALID_ARG_TYPE', 'GANTRY_INTERNAL', 'cannot write x: ERR_INVALID_ARG_TYPE: something'],
])('%s is %s', (errno, code, text) => {
  const cause = failed(errno);
  const error = fileError('x', cause);
  expect(error).toMatchObject({ code, cause, details: { file: 'x', errno } });
  expect(error.message).toContain(text);
});

it('names what the system says of real files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-file-'));
  const said = (file: string): string => {
    try {
      writeFileSync(file, '');
    } catch (cause) {
      return fileError(file, cause, { flag: '--to' }).message;
    }
    return 'it was written';
  };
  writeFileSync(join(folder, 'file'), '');
  expect(said(folder)).toBe(`cannot write ${folder}: it is a folder, not a file; use another --to`);
  expect(said(join(folder, 'none', 'x'))).toContain('its folder does not exist');
  expect(said(join(folder, 'file', 'x'))).toContain('a part of its path is a file');
  expect(said(join(folder, 'x'.repeat(5000)))).toContain('the name is too long');
  rmSync(folder, { recursive: true });
});

it('leaves a GantryError as it is, and takes what is no error of the system as a bug', () => {
  const known = new GantryError('GANTRY_INTERRUPTED', 'stopped');
  expect(fileError('x', known)).toBe(known);
  expect(fileError('x', new TypeError('no function')).code).toBe('GANTRY_INTERNAL');
});
