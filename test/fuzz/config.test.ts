import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunConfig } from '@gantry/common';
import {
  CONFIG_BYTES_MAX,
  parseConfigFile,
  parseRunConfig,
  readConfigFile,
  resolveConfig,
} from '@gantry/common/config';
import { afterAll } from 'vitest';
import { fuzz } from './fuzz.js';
import { checkRunConfig } from './run-config.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'gantry.yaml');

/** As the CLI does. Small ones are not written to the disk first: it would be most of the work. */
async function parse(bytes: Uint8Array): Promise<RunConfig> {
  const large = bytes.length > CONFIG_BYTES_MAX / 2;
  if (large) writeFileSync(path, bytes);
  const file = large ? await readConfigFile(path) : await parseConfigFile(Buffer.from(bytes).toString('utf8'), path);
  return resolveConfig({ file, presets: { mlp: {} } });
}

/** A resolved configuration survives being stored. */
function check(config: RunConfig): void {
  checkRunConfig(config);
  const stored = JSON.stringify(config);
  assert.deepEqual(parseRunConfig(JSON.parse(stored), 'again'), JSON.parse(stored));
}

const text = (yaml: string) => () => new Uint8Array(Buffer.from(yaml));
/** As much as a configuration may have. */
const full = (pattern: string) => text(pattern.repeat(Math.floor(CONFIG_BYTES_MAX / pattern.length)));
const laughs = ['a: &a [x,x,x,x,x,x,x,x,x]']
  .concat([...'bcdefghi'].map((key, i) => `${key}: &${key} [${`*${'abcdefgh'[i]},`.repeat(9)}]`))
  .join('\n');

fuzz<RunConfig>({
  name: 'config',
  grammar: 'text',
  // The YAML library takes some tenths of a millisecond for a few lines.
  picks: 3,
  codes: ['GANTRY_CONFIG_INVALID'],
  parse,
  check,
  hostile: [
    { what: 'a billion laughs', bytes: text(laughs), growthMiB: 16 },
    {
      what: 'one value under ten thousand aliases',
      bytes: text(`a: &a 1\nb: [${'*a,'.repeat(10_000)}]`),
      growthMiB: 64,
    },
    { what: 'a list that holds itself', bytes: text('&a [*a]'), growthMiB: 4 },
    { what: 'a mapping that holds itself', bytes: text('&a {workers: *a}'), growthMiB: 4 },
    { what: 'lists in lists', bytes: full('['), growthMiB: 16 },
    { what: 'mappings in mappings', bytes: full('{a: '), growthMiB: 16 },
    { what: 'items in items', bytes: full('- '), growthMiB: 16 },
    { what: 'keys in keys', bytes: full('? '), growthMiB: 16 },
    { what: 'tags without a value', bytes: full('!a '), growthMiB: 64 },
    { what: 'anchors without a value', bytes: full('&a '), growthMiB: 64 },
    { what: 'thousands of documents', bytes: full('---\n'), growthMiB: 64 },
    {
      what: 'thousands of unknown keys',
      bytes: text(Array.from({ length: 3000 }, (_, i) => `k${i}: 1`).join('\n')),
      growthMiB: 64,
    },
    { what: 'one key of all bytes', bytes: text(`${'k'.repeat(1000)}: ${'v'.repeat(30_000)}`), growthMiB: 8 },
    { what: 'a prototype', bytes: text('__proto__: {workers: 3}\nworkers: 2\nbatch: 4'), growthMiB: 4 },
    { what: 'a prototype by merging', bytes: text('%YAML 1.1\n---\n<<: {__proto__: {workers: 3}}'), growthMiB: 4 },
    { what: 'a number of a thousand digits', bytes: text(`workers: ${'9'.repeat(1000)}`), growthMiB: 4 },
    { what: 'NUL', bytes: text('dataset: "\\0"\n\0: 1'), growthMiB: 4 },
    { what: 'a file over its bound', bytes: () => new Uint8Array(64 << 20).fill(32), growthMiB: 4 },
  ],
});
