import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { MUTANTS } from './mutants.mjs';
import { occurrences } from './plant.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

/** Its titles are names of files. */
const isTranscript = (test: string): boolean => /\/(scenarios|lifecycle)\.test\.ts$/.test(test);

describe('the table of mutants', () => {
  it.each(MUTANTS)('$name: its text occurs once, and there is a test that must see it', (mutant) => {
    const { file, find, replace, caughtBy } = mutant;
    expect(occurrences(read(file), find)).toBe(1);
    expect(replace).not.toBe(find);
    const [test, title] = caughtBy.split(' > ') as [string, string?];
    if (test === 'sim') return;
    expect(existsSync(path.join(ROOT, test)), test).toBe(true);
    if (title !== undefined && !isTranscript(test)) expect(read(test)).toContain(title);
  });

  it('has no name twice', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });
});
