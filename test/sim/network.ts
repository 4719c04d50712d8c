import type { VirtualClock } from './clock.js';
import type { Random } from './random.js';

/** How long messages take on one seed's network, in milliseconds. */
export interface Latency {
  readonly leastMs: number;
  readonly mostMs: number;
  /** Some take this many times longer. */
  readonly tail: number;
}

interface NetworkOptions {
  readonly random: Random;
  readonly extra: Random;
  readonly latency: Latency;
  /** A message will arrive twice. */
  readonly onRepeat: () => void;
}

/** Hosts and what lies between them. A lane is ordered; lanes are not ordered with each other. */
export class SimNetwork {
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #extra: Random;
  readonly #latency: Latency;
  readonly #onRepeat: () => void;
  readonly #blocked = new Map<string, number>();
  readonly #lanes = new Set<Lane<unknown>>();
  /** How often a message arrives a second time, later than some that were sent behind it; in parts of 1. */
  repeats = 0;

  constructor(clock: VirtualClock, { random, extra, latency, onRepeat }: NetworkOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#extra = extra;
    this.#latency = latency;
    this.#onRepeat = onRepeat;
  }

  delayMs(): number {
    const { leastMs, mostMs, tail } = this.#latency;
    const delay = this.#random.between(leastMs, mostMs);
    return this.#random.chance(0.02) ? delay * tail : delay;
  }

  get nowMs(): number {
    return this.#clock.nowMs;
  }

  /** Decides of one message. */
  arrivesTwice(): boolean {
    const isRepeated = this.repeats > 0 && this.#extra.chance(this.repeats);
    if (isRepeated) this.#onRepeat();
    return isRepeated;
  }

  after(delayMs: number, action: () => void): void {
    this.#clock.after(delayMs, action);
  }

  isBlocked(from: string, to: string): boolean {
    return from !== to && (this.#blocked.get(`${from}>${to}`) ?? 0) > 0;
  }

  isReachable(a: string, b: string): boolean {
    return !this.isBlocked(a, b) && !this.isBlocked(b, a);
  }

  /** Nothing gets from one host to the other: what is sent waits. May be asked for several times. */
  block(from: string, to: string): void {
    const key = `${from}>${to}`;
    this.#blocked.set(key, (this.#blocked.get(key) ?? 0) + 1);
  }

  unblock(from: string, to: string): void {
    const key = `${from}>${to}`;
    this.#blocked.set(key, Math.max(0, (this.#blocked.get(key) ?? 0) - 1));
    if (this.isBlocked(from, to)) return;
    for (const lane of this.#lanes) if (lane.from === from && lane.to === to) lane.flush();
  }

  lane<T>(from: string, to: string, deliver: (message: T) => void): Lane<T> {
    const lane = new Lane<T>(this, { from, to, deliver, onClose: () => this.#lanes.delete(lane as Lane<unknown>) });
    this.#lanes.add(lane as Lane<unknown>);
    return lane;
  }
}

interface LaneOptions<T> {
  readonly from: string;
  readonly to: string;
  readonly deliver: (message: T) => void;
  readonly onClose: () => void;
}

/** One direction of one connection. */
export class Lane<T> {
  readonly from: string;
  readonly to: string;
  readonly #network: SimNetwork;
  readonly #options: LaneOptions<T>;
  #held: T[] = [];
  #lastMs = 0;
  #isOpen = true;

  constructor(network: SimNetwork, options: LaneOptions<T>) {
    this.#network = network;
    this.#options = options;
    this.from = options.from;
    this.to = options.to;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  send(message: T): void {
    if (!this.#isOpen) return;
    if (this.#held.length > 0 || this.#network.isBlocked(this.from, this.to)) {
      this.#held.push(message);
      return;
    }
    const { nowMs } = this.#network;
    this.#lastMs = Math.max(this.#lastMs, nowMs + this.#network.delayMs());
    const deliver = (): void => {
      if (this.#isOpen) this.#options.deliver(message);
    };
    this.#network.after(this.#lastMs - nowMs, deliver);
    if (this.#network.arrivesTwice()) this.#network.after(this.#lastMs - nowMs + this.#network.delayMs(), deliver);
  }

  flush(): void {
    const held = this.#held;
    this.#held = [];
    for (const message of held) this.send(message);
  }

  /** What is on its way is lost. */
  close(): void {
    this.#isOpen = false;
    this.#held = [];
    this.#options.onClose();
  }
}
