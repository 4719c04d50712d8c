import type { NetworkName } from './config-types.js';
import type { Layout } from './layout.js';

/** What a section of the training state holds. `ema` exists for G when a decay is set; `buffers` are running statistics. */
export type StateRole = 'params' | 'firstMoment' | 'secondMoment' | 'ema' | 'buffers';

/** One role of one network: `length` floats from `offset` of the flat state. */
export interface StateSection {
  readonly network: NetworkName;
  readonly role: StateRole;
  readonly offset: number;
  readonly length: number;
  readonly layout: Layout;
}

/**
 * The whole training state as one flat `Float32Array`: networks in the order D, G; for each params, firstMoment,
 * secondMoment, then ema where it exists, then buffers where they exist. `stateSha256` is over exactly these bytes.
 */
export interface StateLayout {
  readonly sections: readonly StateSection[];
  readonly length: number;
}
