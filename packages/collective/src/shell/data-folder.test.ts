import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cleanStaleDataFolders, makeDataFolder } from './data-folder.js';

let directory: string;
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'gantry-test-'));
});
afterEach(() => fs.rmSync(directory, { recursive: true }));

test('the folder of a process that has ended goes, with what is in it', () => {
  const module = new URL('../../dist/shell/data-folder.js', import.meta.url).href;
  const source = `import { makeDataFolder } from ${JSON.stringify(module)};
    import fs from 'node:fs';
    const folder = makeDataFolder(${JSON.stringify(directory)});
    fs.writeFileSync(folder + '/data', '');
    process.kill(process.pid, 'SIGKILL');`;
  spawnSync(process.execPath, ['--input-type=module', '-e', source]);
  expect(fs.readdirSync(directory)).toHaveLength(1);
  const own = makeDataFolder(directory);
  expect(fs.readdirSync(directory)).toEqual([path.basename(own)]);
});

test('folders of the living, of other hosts and with other names stay', () => {
  const own = path.basename(makeDataFolder(directory));
  const foreign = own.replace(/ipc-[0-9a-f]{6}-\d+/, 'ipc-zzzzzz-999999999').replace('zzzzzz', '000000');
  fs.mkdirSync(path.join(directory, foreign));
  fs.mkdirSync(path.join(directory, 'gantry-ipc-mine'));
  expect(cleanStaleDataFolders(directory)).toEqual([]);
});

test.runIf(process.platform === 'linux')('a pid that another process has now does not protect it', () => {
  const own = path.basename(makeDataFolder(directory));
  const earlier = own.replace(/-\d+-([A-Za-z0-9]{6})$/, '-1-$1');
  fs.mkdirSync(path.join(directory, earlier));
  expect(cleanStaleDataFolders(directory)).toEqual([earlier]);
});
