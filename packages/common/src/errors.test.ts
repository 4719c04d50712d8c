import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ERROR_CODES } from './errors.js';

const GUIDE = fileURLToPath(new URL('../../../docs/when-it-fails.md', import.meta.url));

it('has a remedy for every code in docs/when-it-fails.md, and no code that does not exist', () => {
  const rows = readFileSync(GUIDE, 'utf8').matchAll(/^\| `(GANTRY_\w+)` \| [^|]{10,} \| [^|]{10,} \|$/gm);
  expect([...rows].map(([, code]) => code).sort()).toEqual([...ERROR_CODES].sort());
});
