import { DATA_CREDIT_BYTES_MAX, DATA_PIECE_BYTES_MAX } from '@gantry/common';
import { describe, expect, it } from 'vitest';
import { CREDIT_BYTES_FIRST, nextCredit } from './data-credit.js';
import { CLAIM_RETRY_MS, DataFeed, type DataFeedOptions, type FeedEffect, type LookOutcome } from './data-feed.js';

const PIECE = DATA_PIECE_BYTES_MAX;
/** Of two pieces. */
const CHUNK = 2 * PIECE;

type Of<T extends FeedEffect['type']> = Extract<FeedEffect, { type: T }>;

/** A feed whose shell is played by hand: looks and stores are answered by `answers`, pieces come when a test says so. */
class Play {
  readonly feed: DataFeed;
  readonly requests: Of<'request'>[] = [];
  readonly here = new Map<number, number>();
  readonly log: string[] = [];
  nowMs = 0;
  /** Chunks whose hash is not right. */
  readonly wrong = new Set<number>();
  outcome: (chunk: number) => LookOutcome = () => 'missing';

  constructor(options: Partial<DataFeedOptions> & { readonly chunks: number }) {
    const { chunks, labelChunks = 0, samplePlaces = chunks - labelChunks } = options;
    this.feed = new DataFeed({ chunkBytes: Array.from({ length: chunks }, () => CHUNK), labelChunks, samplePlaces });
  }

  want(first: number, needs: Readonly<Record<number, readonly number[]>>, reset = false): void {
    const turns = Object.entries(needs).map(([turn, chunks]) => ({ turn: Number(turn), chunks }));
    this.#perform(this.feed.want({ reset, first, needs: turns }, this.nowMs));
  }

  /** The oldest piece that was asked for comes, `latencyMs` later. */
  come(latencyMs = 1): void {
    this.nowMs += latencyMs;
    const { chunk, offset, bytes } = this.requests.shift()!;
    this.#perform(this.feed.received({ chunk, offset, bytes }, this.nowMs));
  }

  /** All that is asked for comes. */
  settle(): void {
    while (this.requests.length > 0) this.come();
  }

  tick(ms: number): void {
    this.nowMs += ms;
    this.#perform(this.feed.tick(this.nowMs));
  }

  reconnect(): void {
    this.requests.length = 0;
    this.#perform(this.feed.reconnected(this.nowMs));
  }

  /** What an effect is answered with comes when all of them are performed. */
  #perform(effects: readonly FeedEffect[]): void {
    const answers: (() => readonly FeedEffect[])[] = [];
    for (const effect of effects) {
      this.log.push(effect.type === 'write' ? 'write' : `${effect.type} ${effect.chunk}`);
      const answer = this.#do(effect);
      if (answer !== null) answers.push(answer);
    }
    for (const answer of answers) this.#perform(answer());
  }

  #do(effect: FeedEffect): (() => readonly FeedEffect[]) | null {
    const { feed, nowMs } = this;
    switch (effect.type) {
      case 'look':
        return () => feed.looked(effect.chunk, this.outcome(effect.chunk), nowMs);
      case 'check':
        return () => feed.checked(effect.chunk, !this.wrong.has(effect.chunk), nowMs);
      case 'store':
        return () => feed.stored(effect.chunk, nowMs);
      case 'request':
        this.requests.push(effect);
        return null;
      case 'evict':
        this.here.delete(effect.chunk);
        return null;
      case 'here':
        this.here.set(effect.chunk, effect.place);
        return null;
      default:
        return null;
    }
  }
}

const bytesOf = (requests: readonly Of<'request'>[]) => requests.reduce((sum, { bytes }) => sum + bytes, 0);

describe('what a worker fetches', () => {
  it('is the labels, then what is needed, in the order of need, then the rest', () => {
    const play = new Play({ chunks: 6, labelChunks: 1 });
    play.want(0, { 0: [3], 1: [1, 3] });
    play.settle();
    expect(play.log.filter((line) => line.startsWith('here'))).toEqual([5, 3, 1, 0, 2, 4].map((c) => `here ${c}`));
    expect([...play.here].every(([chunk, place]) => chunk === place)).toBe(true);
    expect(play.feed.isComplete).toBe(true);
  });

  it('is nothing before somebody needs something', () => {
    const play = new Play({ chunks: 3 });
    play.want(0, {});
    expect(play.log).toEqual([]);
  });

  it('is what the cache has, without a word to the coordinator', () => {
    const play = new Play({ chunks: 4 });
    play.outcome = (chunk) => (chunk === 2 ? 'missing' : 'found');
    play.want(0, { 0: [0] });
    expect(bytesOf(play.requests)).toBe(PIECE);
    play.settle();
    expect(play.log.filter((line) => line.startsWith('request'))).toEqual(['request 2', 'request 2']);
    expect(play.feed.isComplete).toBe(true);
  });

  it('is not what another worker of the host fetches, until it is there or given up', () => {
    const play = new Play({ chunks: 2 });
    play.outcome = (chunk) => (chunk === 0 ? 'claimed' : 'found');
    play.want(0, { 0: [0, 1] });
    expect(play.feed.isWaiting).toBe(true);
    play.tick(CLAIM_RETRY_MS - 1);
    expect(play.log.filter((line) => line === 'look 0')).toHaveLength(1);
    play.tick(1);
    expect(play.log.filter((line) => line === 'look 0')).toHaveLength(2);
    play.outcome = () => 'found';
    play.tick(CLAIM_RETRY_MS);
    expect(play.feed.isWaiting).toBe(false);
    expect(play.feed.isComplete).toBe(true);
  });
});

describe('the credit', () => {
  it('begins with one piece, grows while pieces come soon, and never beyond its bound', () => {
    const play = new Play({ chunks: 200 });
    play.want(0, { 0: [0] });
    expect(bytesOf(play.requests)).toBe(CREDIT_BYTES_FIRST);
    let most = 0;
    for (let i = 0; i < 100; i++) {
      play.come();
      most = Math.max(most, bytesOf(play.requests));
    }
    expect(most).toBe(DATA_CREDIT_BYTES_MAX);
  });

  it('shrinks to one piece on a link on which pieces are late', () => {
    const play = new Play({ chunks: 200 });
    play.want(0, { 0: [0] });
    for (let i = 0; i < 20; i++) play.come();
    for (let i = 0; i < 40; i++) play.come(1_000);
    expect(bytesOf(play.requests)).toBe(PIECE);
    expect(nextCredit(PIECE, 1e9)).toBe(PIECE);
    expect(nextCredit(3 * PIECE, 100)).toBe(3 * PIECE);
  });

  it('is asked for again, all of it and nothing else, on a new connection', () => {
    const play = new Play({ chunks: 20 });
    play.want(0, { 0: [0] });
    for (let i = 0; i < 6; i++) play.come();
    const before = play.requests.map(({ chunk, offset }) => [chunk, offset]);
    play.reconnect();
    expect(play.requests.map(({ chunk, offset }) => [chunk, offset])).toEqual(before);
    play.settle();
    expect(play.feed.isComplete).toBe(true);
  });
});

describe('a piece', () => {
  it.each([
    ['of another chunk', { chunk: 1, offset: 0, bytes: PIECE }],
    ['from elsewhere', { chunk: 0, offset: PIECE, bytes: PIECE }],
    ['of another length', { chunk: 0, offset: 0, bytes: 7 }],
  ])('%s than was asked for is refused', (_, piece) => {
    const play = new Play({ chunks: 2 });
    play.want(0, { 0: [0] });
    expect(() => play.feed.received(piece, 1)).toThrow(expect.objectContaining({ code: 'GANTRY_PROTOCOL_INVALID' }));
  });

  it('that nobody asked for is refused', () => {
    const { feed } = new Play({ chunks: 2 });
    expect(() => feed.received({ chunk: 0, offset: 0, bytes: PIECE }, 1)).toThrow(/nothing had been asked for/);
  });

  it('of a chunk with a wrong hash is asked for once more; the second time ends it', () => {
    const play = new Play({ chunks: 2 });
    play.wrong.add(0);
    play.want(0, { 0: [0] });
    play.settle();
    expect(play.log.filter((line) => line === 'check 0')).toHaveLength(2);
    expect(play.log.at(-1)).not.toBe('store 0');
    expect(play.log).toContain('fail 0');
    expect(play.here.has(0)).toBe(false);
    const second = new Play({ chunks: 2 });
    second.wrong.add(0);
    second.want(0, { 0: [0] });
    second.come();
    second.come();
    second.wrong.clear();
    second.settle();
    expect(second.here.has(0)).toBe(true);
  });
});

describe('in a memory that does not hold all', () => {
  it('what nobody needs gives way, what is needed does not', () => {
    const play = new Play({ chunks: 10, labelChunks: 1, samplePlaces: 3 });
    play.want(0, { 0: [0, 1], 1: [2] });
    play.settle();
    expect([...play.here.keys()].sort()).toEqual([0, 1, 2, 9]);
    // Turn 2 has to wait for a place until turn 0 is over.
    play.want(0, { 2: [5] });
    expect(play.requests).toEqual([]);
    play.want(1, {});
    play.settle();
    expect([...play.here.keys()]).toEqual(expect.arrayContaining([2, 5, 9]));
    expect(play.here.size).toBe(4);
    expect(play.here.get(9)).toBe(3);
    expect(play.feed.isComplete).toBe(false);
  });

  it('what is needed last gives way to what is needed now, as shares change', () => {
    const play = new Play({ chunks: 10, samplePlaces: 2 });
    play.want(0, { 0: [0], 3: [1] });
    play.settle();
    play.want(0, { 0: [1], 1: [4] }, true);
    play.settle();
    expect([...play.here.keys()].sort()).toEqual([1, 4]);
    play.want(0, { 0: [4, 7], 5: [1] }, true);
    play.settle();
    expect([...play.here.keys()].sort()).toEqual([4, 7]);
  });

  it('every turn gets all it needs, whatever the order', () => {
    const [chunks, samplePlaces, each] = [40, 12, 12];
    const play = new Play({ chunks, samplePlaces });
    const needOf = (turn: number) => [
      ...new Set(Array.from({ length: each }, (_, i) => (turn * 29 + i * i * 7) % chunks)),
    ];
    for (let turn = 0; turn < 200; turn++) {
      play.want(turn, { [turn]: needOf(turn) });
      play.settle();
      for (const chunk of needOf(turn)) expect(play.here.has(chunk)).toBe(true);
      expect(play.here.size).toBeLessThanOrEqual(samplePlaces);
      expect(new Set(play.here.values()).size).toBe(play.here.size);
    }
  });
});
