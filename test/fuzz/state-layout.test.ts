import assert from 'node:assert/strict';
import { NETWORKS, type StateLayout } from '@gantry/common';
import { parseStateLayout, stateTensors } from '../../packages/coordinator/dist/shell/state-tensors.js';
import { fuzz } from './fuzz.js';

const ROLES = ['params', 'firstMoment', 'secondMoment', 'ema', 'buffers'];

/** Every tensor lies in the state, and no two share a float. */
function check(layout: StateLayout): void {
  let end = 0;
  for (const section of layout.sections) {
    assert(NETWORKS.includes(section.network) && ROLES.includes(section.role));
    assert.equal(section.layout.length, section.length);
    for (const entry of section.layout.entries) assert(entry.offset + entry.length <= section.length);
  }
  for (const { name, shape, offset, length } of stateTensors(layout)) {
    assert.equal(typeof name, 'string');
    assert(shape.every((size) => Number.isSafeInteger(size) && size >= 0));
    assert.equal(
      shape.reduce((product, size) => product * size, 1),
      length,
    );
    assert(offset >= end && offset + length <= layout.length, name);
    end = offset + length;
  }
}

const DEEP = '['.repeat(100_000) + ']'.repeat(100_000);
const NO_TEXT = '{"toString":1,"valueOf":1}';
const text = (json: string) => () => new Uint8Array(Buffer.from(json));
const section = (values: { network?: string; offset?: string; length?: string; entries?: string }) => {
  const { network = '"generator"', offset = '0', length = '4', entries = '[]' } = values;
  const layout = `{"length":${length},"entries":${entries}}`;
  return text(
    `{"length":4,"sections":[{"network":${network},"role":"params","offset":${offset},"length":${length},"layout":${layout}}]}`,
  );
};

fuzz<StateLayout>({
  name: 'state-layout',
  grammar: 'text',
  codes: ['GANTRY_CHECKPOINT_INVALID'],
  parse: (bytes) => parseStateLayout(Buffer.from(bytes).toString('utf8')),
  check,
  hostile: [
    { what: 'a network 100,000 deep', bytes: section({ network: DEEP }), growthMiB: 32 },
    { what: 'a network of a megabyte', bytes: section({ network: `"${'x'.repeat(1 << 20)}"` }), growthMiB: 16 },
    { what: 'an offset 100,000 deep', bytes: section({ offset: DEEP }), growthMiB: 32 },
    { what: 'an offset that has no text', bytes: section({ offset: NO_TEXT }), growthMiB: 4 },
    { what: 'a length that has no text', bytes: section({ length: NO_TEXT }), growthMiB: 4 },
    { what: 'a length of 2^53', bytes: section({ length: '9007199254740992' }), growthMiB: 4 },
    {
      what: 'a tensor whose size is no number',
      bytes: section({ entries: `[{"name":"a","shape":[${'9007199254740991,'.repeat(30)}0],"offset":0,"length":0}]` }),
      growthMiB: 4,
    },
    {
      what: 'a tensor with a name of a megabyte, of another size',
      bytes: section({ entries: `[{"name":"${'x'.repeat(1 << 20)}","shape":[3],"offset":0,"length":4}]` }),
      growthMiB: 16,
    },
    {
      what: '100,000 sections that are none',
      bytes: text(`{"length":4,"sections":[${'{},'.repeat(1e5)}{}]}`),
      growthMiB: 32,
    },
  ],
});
