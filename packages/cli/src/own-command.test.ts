import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { ownCommand } from './own-command.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-command-'));
const clone = join(folder, 'clone');
const binaries = join(clone, 'node_modules', '.bin');
const global = join(folder, 'global');
const elsewhere = join(folder, 'elsewhere');
for (const path of [binaries, global, elsewhere]) mkdirSync(path, { recursive: true });
for (const path of [binaries, global]) writeFileSync(join(path, 'gantry'), '');
afterAll(() => rmSync(folder, { recursive: true }));

it('is npx where npx finds Gantry', () => {
  expect(ownCommand(join(clone, 'deeper'), global)).toBe('npx gantry');
});

it('is the command on the PATH elsewhere', () => {
  expect(ownCommand(elsewhere, [binaries, global].join(delimiter))).toBe('gantry');
});

it('is the script where nothing else would find it, npx included', () => {
  expect(ownCommand(elsewhere, binaries)).toMatch(/^node .*bin.gantry\.js$/);
});
