import type { NetworkName } from '@gantry/common';
import type { Segment } from './segments.js';

/** `stopped`: all members have agreed to stop before this update; nothing of it may be computed. */
export type GatherResult = 'done' | 'stopped';

/**
 * One member's side of the all-reduce of a generation. An update is: write own partials, `gather`, compute own segments
 * into the inactive image, `commit`, flip. Updates are numbered in steps of one.
 *
 * Every method ends with GANTRY_ABORTED within a few milliseconds of the control words' abort, whatever it waits for.
 */
export interface Exchange {
  /** Floats [start, end) of the network's vector whose update this member computes; may be empty. */
  segment(network: NetworkName): Segment;
  /**
   * Full-length vectors that the update program sums along the tree over their index: the S shards' partials on one
   * host, or the one finished sum. The same arrays for the exchange's whole life.
   */
  reduceInputs(network: NetworkName): readonly Float32Array[];
  /**
   * Whether `reduceInputs` is the one finished sum. Own partials may then be sums of themselves and of shards behind them.
   */
  readonly isSummed: boolean;
  /** Where own shard `shard` writes its gradient, after the previous commit and before `publish`, which may overwrite it. */
  partial(network: NetworkName, shard: number): Float32Array;
  /**
   * Own partials of `update` are written: others may read them, or they are sent, from now on, while this member does
   * something else before it calls `gather`. Waits for nobody. If it is not called, `gather` does it.
   */
  publish(update: number, networks: readonly NetworkName[]): void;
  /** Own partials of `update` are written; ends when all that own segments need is readable. */
  gather(update: number, networks: readonly NetworkName[]): GatherResult | Promise<GatherResult>;
  /** Own segments are written into the inactive image; ends when every owner of this host has. Then the update is committed. */
  commit(update: number): 'done' | Promise<'done'>;
  /**
   * Where members share memory: the last update that all owners of segments have written, those that have died too. It is
   * committed on this host whatever happens. Null: this member is its own host, and knows by itself.
   */
  appliedByAll(): number | null;
  close(): Promise<void>;
}
