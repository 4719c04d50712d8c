import { assert, type NetworkName, type StateLayout, type StateRole } from '@gantry/common';

/** Which image holds the committed state of each network. */
export interface Parity {
  readonly discriminator: 0 | 1;
  readonly generator: 0 | 1;
}

/** The image of a network flips with every update of it: after `commits` updates it is this one. */
export function imageAfter(commits: number): 0 | 1 {
  return (commits % 2) as 0 | 1;
}

export function parityAfter(commits: Readonly<Record<NetworkName, number>>): Parity {
  return { discriminator: imageAfter(commits.discriminator), generator: imageAfter(commits.generator) };
}

/** Number 0 … 3 of a parity, for tables. */
export function parityIndex(discriminator: number, generator: number): number {
  return (discriminator % 2) + 2 * (generator % 2);
}

/**
 * The training state, held twice. D and G flip on their own, so the committed state is composed of sections of both images.
 * Views are made once.
 */
export class StateImages {
  readonly layout: StateLayout;
  readonly #views: readonly [readonly Float32Array[], readonly Float32Array[]];

  /** @param images Two arrays of at least `layout.length` floats. */
  constructor(layout: StateLayout, images: readonly [Float32Array, Float32Array]) {
    const covered = layout.sections.reduce((sum, { length }) => sum + length, 0);
    assert(covered === layout.length, `sections cover ${covered} of ${layout.length} floats of the state`);
    const view = (image: Float32Array) =>
      layout.sections.map(({ offset, length }) => image.subarray(offset, offset + length));
    this.layout = layout;
    this.#views = [view(images[0]), view(images[1])];
  }

  /** One role of one network in one image [length]; null where the network has no such role. */
  section(image: 0 | 1, network: NetworkName, role: StateRole): Float32Array | null {
    const index = this.layout.sections.findIndex((section) => section.network === network && section.role === role);
    return index < 0 ? null : this.#views[image][index]!;
  }

  /** The committed sections, in the order of the flat state. */
  committed(parity: Parity): Float32Array[] {
    return this.layout.sections.map(({ network }, index) => this.#views[parity[network]][index]!);
  }

  /** Puts a flat state [layout.length] where `parity` says that it is committed. */
  write(state: Float32Array, parity: Parity): void {
    assert(state.length === this.layout.length, `a state of ${state.length} floats, not ${this.layout.length}`);
    this.committed(parity).forEach((view, index) => {
      const { offset, length } = this.layout.sections[index]!;
      view.set(state.subarray(offset, offset + length));
    });
  }

  /** A flat copy [layout.length] of the committed state. */
  copy(parity: Parity): Float32Array<ArrayBuffer> {
    const state = new Float32Array(this.layout.length);
    this.committed(parity).forEach((view, index) => {
      state.set(view, this.layout.sections[index]!.offset);
    });
    return state;
  }
}
