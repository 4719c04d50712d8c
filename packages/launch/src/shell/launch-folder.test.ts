import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { LaunchFolder } from './launch-folder.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-launch-folder-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each([
  ['local', 'use another out in the cluster file'],
  ['kubernetes', 'use another folder for the cluster file'],
] as const)('says what cannot be written, and what puts it elsewhere: %s', (launcher, remedy) => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const at = LaunchFolder.of({ launcher, name: 'small', out: join(file, 'run'), path: join(file, 'cluster.yaml') });
  expect(() => at.make()).toThrow(
    expect.objectContaining({ code: 'GANTRY_FILE_FAILED', message: expect.stringContaining(remedy) }),
  );
});
