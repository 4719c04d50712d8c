import assert from 'node:assert/strict';
import {
  type CheckpointManifest,
  formatManifest,
  parseManifest,
} from '../../packages/coordinator/dist/shell/manifest.js';
import { fuzz } from './fuzz.js';

const COUNTS = ['update', 'step'] as const;
const TEXTS = ['gantryVersion', 'runId', 'runConfigJson', 'programHash', 'stateLayoutJson'] as const;
const HASHES = ['stateSha256', 'fileSha256'] as const;

function check(manifest: CheckpointManifest): void {
  assert.equal(manifest.formatVersion, 1);
  for (const key of COUNTS) assert(Number.isSafeInteger(manifest[key]) && manifest[key] >= 0, key);
  for (const key of TEXTS) assert.equal(typeof manifest[key], 'string', key);
  for (const key of HASHES) assert.match(manifest[key], /^[0-9a-f]{64}$/, key);
}

const valid: CheckpointManifest = {
  formatVersion: 1,
  gantryVersion: '0.1.0',
  runId: 'run',
  update: 2,
  step: 1,
  stateSha256: 'a'.repeat(64),
  fileSha256: 'b'.repeat(64),
  runConfigJson: '{}',
  programHash: 'p',
  stateLayoutJson: '{}',
};
/** The manifest with one value written as this JSON. */
const withValue = (key: keyof CheckpointManifest, json: string) => () =>
  new Uint8Array(Buffer.from(formatManifest({ ...valid, [key]: 'HERE' }).replace('"HERE"', () => json)));
const text = (json: string) => () => new Uint8Array(Buffer.from(json));
const DEEP = '['.repeat(200_000) + ']'.repeat(200_000);

fuzz<CheckpointManifest>({
  name: 'manifest',
  grammar: 'text',
  codes: ['GANTRY_CHECKPOINT_INVALID'],
  parse: (bytes) => parseManifest(Buffer.from(bytes).toString('utf8')),
  check,
  hostile: [
    { what: 'a hash that has no text', bytes: withValue('stateSha256', '{"toString":1,"valueOf":1}'), growthMiB: 4 },
    { what: 'a hash 200,000 deep', bytes: withValue('fileSha256', DEEP), growthMiB: 48 },
    { what: 'a version 200,000 deep', bytes: withValue('formatVersion', DEEP), growthMiB: 48 },
    { what: 'an update of 1e400', bytes: withValue('update', '1e400'), growthMiB: 4 },
    { what: 'an update of 2^53', bytes: withValue('update', '9007199254740992'), growthMiB: 4 },
    { what: 'a prototype', bytes: text('{"__proto__":{"formatVersion":1}}'), growthMiB: 4 },
    { what: 'brackets without end', bytes: text('['.repeat(1 << 20)), growthMiB: 64 },
    { what: 'null', bytes: text('null'), growthMiB: 4 },
  ],
});
