import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { play } from '../testing/transcript.js';

const folder = fileURLToPath(new URL('../../testdata/', import.meta.url));

// UPDATE_TRANSCRIPTS=1 writes what the core does now; read the difference before committing it.
describe('transcripts', () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
    it(file, () => {
      const text = readFileSync(folder + file, 'utf8');
      const replayed = play(text).output;
      if (process.env.UPDATE_TRANSCRIPTS === '1') writeFileSync(folder + file, replayed);
      else expect(replayed).toBe(text);
    });
  }
});
