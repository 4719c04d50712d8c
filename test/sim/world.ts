import type { LinkCosts, RunConfig } from '@gantry/common';
import { VirtualClock } from './clock.js';
import { ControlAddress } from './connections.js';
import { DataNetwork } from './data-network.js';
import { SimDisk } from './disk.js';
import { HostMemories } from './host-memories.js';
import { Monitor } from './invariants.js';
import { type Latency, SimNetwork } from './network.js';
import type { Random } from './random.js';
import { Steps } from './steps.js';
import { Trace } from './trace.js';

/** How long things take in one seed, in milliseconds. */
export interface Pace {
  readonly latency: Latency;
  readonly computeMs: number;
  readonly compileMs: number;
  readonly chunkBytes: number;
  /** What members measure between their hosts where they choose a topology by it. */
  readonly network: LinkCosts;
  /** By host, how many times longer it computes; 1 where it is not named. */
  readonly slower: ReadonlyMap<string, number>;
}

/** Everything that processes share. */
export class World {
  readonly clock = new VirtualClock();
  readonly steps = new Steps();
  readonly random: Random;
  /** What later faults draw from, so that the others of a seed stay what they were. */
  readonly extra: Random;
  readonly config: RunConfig;
  readonly pace: Pace;
  readonly trace: Trace;
  readonly network: SimNetwork;
  readonly address: ControlAddress;
  readonly data = new DataNetwork();
  readonly memories = new HostMemories();
  readonly disk: SimDisk;
  readonly monitor: Monitor;

  constructor(
    randoms: { readonly random: Random; readonly extra: Random },
    config: RunConfig,
    pace: Pace,
    keepTrace: boolean,
  ) {
    const { random, extra } = randoms;
    this.random = random;
    this.extra = extra;
    this.config = config;
    this.pace = pace;
    this.trace = new Trace(() => this.clock.nowMs, keepTrace);
    const onRepeat = (): void => this.monitor.happened('a message arrives twice');
    this.network = new SimNetwork(this.clock, { random, extra, latency: pace.latency, onRepeat });
    this.address = new ControlAddress(this);
    this.disk = new SimDisk(this, random);
    this.monitor = new Monitor(this.trace, config);
  }
}
