import type { RunConfig } from '@gantry/common';
import { parseRunConfig } from '@gantry/common/config';
import { fuzz, REFUSED } from './fuzz.js';
import { checkRunConfig } from './run-config.js';

const DEEP = '['.repeat(100_000) + ']'.repeat(100_000);
const text = (json: string) => () => new Uint8Array(Buffer.from(json));

/** JSON.parse is its callers' part. */
function parse(bytes: Uint8Array): RunConfig | typeof REFUSED {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return REFUSED;
  }
  return parseRunConfig(value, 'the checkpoint');
}

fuzz<RunConfig>({
  name: 'run-config',
  grammar: 'text',
  codes: ['GANTRY_CONFIG_INVALID'],
  parse,
  check: checkRunConfig,
  hostile: [
    { what: 'a value 100,000 deep', bytes: text(`{"workers":${DEEP}}`), growthMiB: 32 },
    { what: 'a list 100,000 deep', bytes: text(DEEP), growthMiB: 32 },
    {
      what: '60,000 unknown keys',
      bytes: text(`{${Array.from({ length: 60_000 }, (_, i) => `"k${i}":1`)}}`),
      growthMiB: 96,
    },
    { what: 'an unknown key of a megabyte', bytes: text(`{"${'x'.repeat(1 << 20)}":1}`), growthMiB: 16 },
    { what: 'a value of a megabyte', bytes: text(`{"preset":"${'x'.repeat(1 << 20)}"}`), growthMiB: 16 },
    { what: 'a prototype', bytes: text('{"__proto__":{"workers":1},"constructor":1}'), growthMiB: 4 },
    { what: 'null', bytes: text('null'), growthMiB: 4 },
  ],
});
