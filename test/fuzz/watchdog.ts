import { Worker } from 'node:worker_threads';

/** Far above what any input takes, on any machine: a guard against a parser that never comes back, not a measurement. */
const HANG_MS = 60_000;

/** Words in front of the input: count of inputs begun, its index, its length. */
const HEADER_WORDS = 3;
const INPUT_BYTES_MAX = 1 << 20;

/** Ends the process, naming the input, when one input takes longer than {@link HANG_MS}: a test cannot time out while it loops. */
const CODE = `
  const { workerData: { words, bytes, name, seed, hangMs } } = require('node:worker_threads');
  const { writeSync } = require('node:fs');
  let last = 0;
  setInterval(() => {
    const begun = Atomics.load(words, 0);
    if (begun === last && begun !== 0) {
      const hex = Buffer.from(bytes.slice(0, words[2])).toString('hex');
      writeSync(2, name + ': input ' + words[1] + ' of seed ' + seed + ' hangs; in hex:\\n' + hex + '\\n');
      process.kill(process.pid, 'SIGKILL');
    }
    last = begun;
  }, hangMs);
`;

export class Watchdog {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #worker: Worker;

  constructor(name: string, seed: number) {
    const memory = new SharedArrayBuffer(4 * HEADER_WORDS + INPUT_BYTES_MAX);
    this.#words = new Int32Array(memory, 0, HEADER_WORDS);
    this.#bytes = new Uint8Array(memory, 4 * HEADER_WORDS);
    const workerData = { words: this.#words, bytes: this.#bytes, name, seed, hangMs: HANG_MS };
    this.#worker = new Worker(CODE, { eval: true, workerData });
    this.#worker.unref();
  }

  /** Says which input is parsed from now on. */
  begin(index: number, input: Uint8Array): void {
    this.#bytes.set(input.subarray(0, INPUT_BYTES_MAX));
    this.#words[1] = index;
    this.#words[2] = Math.min(input.length, INPUT_BYTES_MAX);
    Atomics.add(this.#words, 0, 1);
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
