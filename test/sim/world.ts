import type { RunConfig } from '@gantry/common';
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
}

/** Everything that processes share. */
export class World {
  readonly clock = new VirtualClock();
  readonly steps = new Steps();
  readonly random: Random;
  readonly config: RunConfig;
  readonly pace: Pace;
  readonly trace: Trace;
  readonly network: SimNetwork;
  readonly address: ControlAddress;
  readonly data = new DataNetwork();
  readonly memories = new HostMemories();
  readonly disk: SimDisk;
  readonly monitor: Monitor;

  constructor(random: Random, config: RunConfig, pace: Pace, keepTrace: boolean) {
    this.random = random;
    this.config = config;
    this.pace = pace;
    this.trace = new Trace(() => this.clock.nowMs, keepTrace);
    this.network = new SimNetwork(this.clock, random, pace.latency);
    this.address = new ControlAddress(this);
    this.disk = new SimDisk(this, random);
    this.monitor = new Monitor(this.trace, config);
  }
}
