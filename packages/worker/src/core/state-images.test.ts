import { createLayout, type StateLayout } from '@gantry/common';
import { describe, expect, it } from 'vitest';
import { parityAfter, parityIndex, StateImages } from './state-images.js';

const layout = createLayout([{ name: 'w', shape: [2] }]);
const state: StateLayout = {
  sections: [
    { network: 'discriminator', role: 'params', offset: 0, length: 16, layout },
    { network: 'generator', role: 'params', offset: 16, length: 16, layout },
    { network: 'generator', role: 'ema', offset: 32, length: 16, layout },
  ],
  length: 48,
};

function make() {
  const images: [Float32Array, Float32Array] = [new Float32Array(48), new Float32Array(48)];
  return { images, state: new StateImages(state, images) };
}

describe('StateImages', () => {
  it('composes the committed state from both images, whatever the parity', () => {
    const flat = Float32Array.from({ length: 48 }, (_, index) => index + 1);
    for (const commits of [0, 1, 2, 3]) {
      const { images, state: both } = make();
      const parity = parityAfter({ discriminator: commits, generator: commits >> 1 });
      both.write(flat, parity);
      expect(both.copy(parity)).toEqual(flat);
      expect(images[parity.discriminator][0]).toBe(1);
      expect(images[1 - parity.discriminator]![0]).toBe(0);
      expect(images[parity.generator][32]).toBe(33);
      expect(both.section(parity.generator, 'generator', 'ema')![0]).toBe(33);
    }
  });

  it('numbers the four parities', () => {
    expect([parityIndex(0, 0), parityIndex(3, 2), parityIndex(4, 1), parityIndex(1, 1)]).toEqual([0, 1, 2, 3]);
  });

  it('has no section that the layout lacks, and takes no state of another size', () => {
    const { state: both } = make();
    expect(both.section(0, 'discriminator', 'ema')).toBeNull();
    expect(() => both.write(new Float32Array(3), parityAfter({ discriminator: 0, generator: 0 }))).toThrow(/3 floats/);
  });
});
