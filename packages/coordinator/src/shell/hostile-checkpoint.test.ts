import { GantryError } from '@gantry/common';
import { describe, expect, it } from 'vitest';
import { formatManifest, parseManifest } from './manifest.js';
import { decodeHeader } from './safetensors.js';
import { parseStateLayout } from './state-tensors.js';

/** Deeper than JSON.stringify and String can follow; JSON.parse reads it. */
const DEEP = '['.repeat(20_000) + ']'.repeat(20_000);
/** JSON that String() throws a TypeError for. */
const NO_TEXT = '{"toString":1,"valueOf":1}';
const HASH = 'a'.repeat(64);
const manifest = formatManifest({
  formatVersion: 1,
  gantryVersion: '0.1.0',
  runId: 'run',
  update: 2,
  step: 1,
  stateSha256: HASH,
  fileSha256: 'b'.repeat(64),
  runConfigJson: '{}',
  programHash: 'p',
  stateLayoutJson: '{}',
});

function refusal(action: () => unknown): GantryError {
  try {
    action();
  } catch (error) {
    if (error instanceof GantryError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

const header = (json: string, dataBytes = 4) => decodeHeader(Buffer.from(json), dataBytes);

describe('a checkpoint made to harm is refused as invalid', () => {
  it.each<[string, () => unknown]>([
    ['a type too deep to be written', () => header(`{"a":{"dtype":${DEEP},"shape":[1],"data_offsets":[0,4]}}`)],
    ['metadata that are a list', () => header('{"__metadata__":["x"]}', 0)],
    [
      'one tensor twice, the second behind much white space',
      () =>
        header(
          `{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a"${' '.repeat(99)}:{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`,
        ),
    ],
    ['an offset of -0', () => header('{"a":{"dtype":"F32","shape":[1],"data_offsets":[-0,4]}}')],
    ['a hash that has no text', () => parseManifest(manifest.replace(`"${HASH}"`, NO_TEXT))],
    ['a hash in a list', () => parseManifest(manifest.replace(`"${HASH}"`, `["${HASH}"]`))],
    ['a hash too deep', () => parseManifest(manifest.replace(`"${HASH}"`, DEEP))],
    ['a network too deep', () => parseStateLayout(`{"length":4,"sections":[{"network":${DEEP}}]}`)],
    [
      'an offset that has no text',
      () => parseStateLayout(`{"length":4,"sections":[{"network":"generator","role":"params","offset":${NO_TEXT}}]}`),
    ],
    [
      'a length too deep',
      () =>
        parseStateLayout(
          `{"length":4,"sections":[{"network":"generator","role":"params","offset":0,"length":4,"layout":{"length":${DEEP},"entries":[]}}]}`,
        ),
    ],
  ])('%s', (_, read) => {
    expect(refusal(read).code).toBe('GANTRY_CHECKPOINT_INVALID');
  });

  it('and its manifest without the harm is read', () => {
    expect(parseManifest(manifest).stateSha256).toBe(HASH);
  });
});
