import { createLayout, type Message, type StateLayout } from '@gantry/common';
import { describe, expect, it } from 'vitest';
import { parityAfter, StateImages } from '../core/state-images.js';
import { TINY_CONFIG } from '../testing/tiny-run.js';
import { flipBit } from './faults.js';
import { fingerprintState } from './state-hash.js';
import { StateVerifier } from './state-verifier.js';

const layout = createLayout([{ name: 'w', shape: [16] }]);
const state: StateLayout = {
  sections: [
    { network: 'discriminator', role: 'params', offset: 0, length: 16, layout },
    { network: 'generator', role: 'params', offset: 16, length: 16, layout },
  ],
  length: 32,
};
const flat = Float32Array.from({ length: 32 }, (_, index) => Math.sin(index));

function makeImages(parity: { discriminator: 0 | 1; generator: 0 | 1 }) {
  const images = new StateImages(state, [new Float32Array(32), new Float32Array(32)]);
  images.write(flat, parity);
  return images;
}

describe('fingerprintState', () => {
  it('is of the committed state, whichever images hold it', () => {
    const parities = [0, 1, 2, 3].map((commits) => parityAfter({ discriminator: commits, generator: commits >> 1 }));
    const [first, ...others] = parities.map((parity) => fingerprintState(makeImages(parity), parity));
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    for (const other of others) expect(other).toBe(first);
  });

  it('differs with any one bit', () => {
    const parity = { discriminator: 0, generator: 1 } as const;
    const images = makeImages(parity);
    const seen = new Set([fingerprintState(images, parity)]);
    for (const section of images.committed(parity)) {
      const bits = new Int32Array(section.buffer, section.byteOffset, section.length);
      for (let bit = 0; bit < 32 * bits.length; bit++) {
        bits[bit >> 5]! ^= 1 << (bit & 31);
        seen.add(fingerprintState(images, parity));
        bits[bit >> 5]! ^= 1 << (bit & 31);
      }
    }
    expect(seen.size).toBe(1 + 32 * 32);
  });
});

describe('StateVerifier', () => {
  it('tells the hash every so many updates, and once at the end', () => {
    const sent: Message[] = [];
    const images = makeImages({ discriminator: 0, generator: 0 });
    const config = { ...TINY_CONFIG, verifyEvery: 4, checkpointEvery: 3 };
    const verifier = new StateVerifier({
      config,
      images,
      clock: { enter: () => {} },
      send: (message) => void sent.push(message),
    });
    for (let update = 1; update <= 9; update++) verifier.afterUpdate(update);
    verifier.atEnd(9);
    verifier.atEnd(9);
    expect(sent.map((message) => message.kind === 'stateHash' && message.atUpdate)).toEqual([4, 6, 8, 9]);
    expect(sent[0]).toMatchObject({ hash: fingerprintState(images, { discriminator: 0, generator: 0 }) });
  });
});

describe('flipBit', () => {
  it('changes one bit, once, of the worker that is meant', () => {
    const fault = { kind: 'flip', update: 3, worker: 'w', isSpent: false } as const;
    const weights = flat.slice();
    const once = { ...fault };
    flipBit(once, 2, [weights]);
    expect(weights).toEqual(flat);
    flipBit(once, 3, [weights]);
    expect(weights.filter((value, index) => value !== flat[index])).toHaveLength(1);
    flipBit(once, 3, [weights]);
    expect(weights).not.toEqual(flat);
  });

  it('confirms a copy, unless a bit has changed since the state was told', () => {
    const parity = { discriminator: 0, generator: 0 } as const;
    const images = makeImages(parity);
    const config = { ...TINY_CONFIG, verifyEvery: 4, checkpointEvery: 3 };
    const verifier = new StateVerifier({ config, images, clock: { enter: () => {} }, send: () => {} });
    verifier.afterUpdate(4);
    verifier.confirm(4, images.copy(parity));
    const copy = images.copy(parity);
    new Int32Array(copy.buffer)[17]! ^= 1;
    expect(() => verifier.confirm(4, copy)).toThrow(/after update 4 changed while it was copied/);
    // It was not compared: nothing is known of it.
    verifier.confirm(5, copy);
  });
});
