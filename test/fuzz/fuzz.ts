import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';
import vm from 'node:vm';
import { type ErrorCode, GantryError } from '@gantry/common';
import { afterAll, describe, expect, it } from 'vitest';
import { type Grammar, mutate } from './mutate.js';
import { Random } from './random.js';
import { Watchdog } from './watchdog.js';

/** Inputs of one parser in one run: `npm run test:soak -- fuzz` sets ten million. */
const INPUTS_WANTED = process.env.GANTRY_FUZZ_INPUTS;
const INPUTS_DEFAULT = 200_000;
const SEED = Number(process.env.GANTRY_FUZZ_SEED ?? 1);
/** Only this input of the seed: to see one failure again. */
const ONLY = process.env.GANTRY_FUZZ_INDEX;
/** Inputs between two turns of the event loop, which vitest needs to hear that the file is alive. */
const TURN = 1000;
/** Of a soak it is told how far it is. */
const TELL_EVERY = 1_000_000;
/** Of the inputs, so many at least must be valid, or the changes are so wild that nothing behind the first check is reached. */
const VALID_MIN = 0.002;
/** A message is for people, however large the input. */
const MESSAGE_CHARS_MAX = 16_384;
const MIB = 2 ** 20;
/** Inputs until everything is compiled, and whatever is kept for good is there. */
const WARM_UP = 2000;
/**
 * By how much what is still held may grow over all inputs of a loop behind those: at most 1 MiB is usual. What is kept of each input, be it
 * an object of a few fields, comes to more in 200,000.
 */
const KEPT_MIB_MAX = 16;
/** Streams let go of what they have in turns of the event loop. */
const ROUNDS = 5;

/** A parser's answer that is no error: not for us. */
export const REFUSED = Symbol('refused');

/** One input made by hand to cost more than it should. */
export interface Hostile {
  readonly what: string;
  readonly bytes: () => Uint8Array;
  /** By how much heap and array buffers may grow while it is parsed. */
  readonly growthMiB: number;
  /** @default false */
  readonly valid?: boolean;
}

/** A parser under test. `T`: what it makes of valid bytes. */
export interface Target<T> {
  /** Also its folder in corpus/: files `ok-*` are valid, `bad-*` are not. */
  readonly name: string;
  readonly grammar: Grammar;
  /** Of the default number of inputs, for a slow parser. @default 1 */
  readonly share?: number;
  /** Items of the corpus that are drawn for an input, of which the shortest is changed: for a parser that is slow for each byte. @default 1 */
  readonly picks?: number;
  /** Codes of the errors that its documentation names. */
  readonly codes: readonly ErrorCode[];
  /** Makes lengths and the like right again, sometimes, so that a changed input gets past the first check. */
  readonly repair?: (bytes: Uint8Array, random: Random) => Uint8Array;
  readonly parse: (bytes: Uint8Array) => T | typeof REFUSED | Promise<T>;
  /** Throws if a result is outside its documented bounds. */
  readonly check: (value: T, bytes: Uint8Array) => void;
  readonly hostile: readonly Hostile[];
}

function readCorpus(name: string): { readonly file: string; readonly bytes: Uint8Array }[] {
  const folder = join(fileURLToPath(new URL('.', import.meta.url)), 'corpus', name);
  return readdirSync(folder)
    .sort()
    .map((file) => ({ file, bytes: new Uint8Array(readFileSync(join(folder, file))) }));
}

/** Whether the input is valid. Any error but a GantryError of the target's codes goes through. */
async function isValid<T>(target: Target<T>, bytes: Uint8Array): Promise<boolean> {
  try {
    const answer = target.parse(bytes);
    const value = answer instanceof Promise ? await answer : answer;
    if (value === REFUSED) return false;
    target.check(value, bytes);
    return true;
  } catch (error) {
    if (!(error instanceof GantryError) || !target.codes.includes(error.code)) throw error;
    if (error.message.length > MESSAGE_CHARS_MAX) throw new Error(`a message of ${error.message.length} characters`);
    return false;
  }
}

function inputOf<T>(target: Target<T>, corpus: readonly Uint8Array[], index: number): Uint8Array {
  const random = new Random(SEED, index);
  const bytes = mutate(random, corpus, target.grammar, target.picks);
  return target.repair?.(bytes, random) ?? bytes;
}

function countOf({ share = 1 }: { readonly share?: number }): number {
  return INPUTS_WANTED === undefined ? INPUTS_DEFAULT * share : Number(INPUTS_WANTED);
}

/** What came of a loop. */
interface Outcome {
  /** How many inputs were valid. */
  readonly valid: number;
  /** By how many MiB the memory that is held grew behind the first {@link WARM_UP} inputs. */
  readonly keptMiB: number;
}

async function parseAll<T>(target: Target<T>, corpus: readonly Uint8Array[], watchdog: Watchdog): Promise<Outcome> {
  let valid = 0;
  let heldBefore: number | null = null;
  const [from, to] = ONLY === undefined ? [0, countOf(target)] : [Number(ONLY), Number(ONLY) + 1];
  for (let index = from; index < to; index++) {
    if (index === WARM_UP) heldBefore = await heldMemory();
    const input = inputOf(target, corpus, index);
    watchdog.begin(index, input);
    try {
      if (await isValid(target, input)) valid++;
    } catch (cause) {
      const hex = Buffer.from(input).toString('hex');
      const place = `GANTRY_FUZZ_SEED=${SEED} GANTRY_FUZZ_INDEX=${index}`;
      throw new Error(`${target.name}: ${String(cause)}\nagain with ${place}; ${input.length} bytes in hex:\n${hex}`, {
        cause,
      });
    }
    if (index % TURN === 0) await setImmediate();
    if (index > 0 && index % TELL_EVERY === 0) process.stderr.write(`${target.name}: ${index} of ${to} inputs\n`);
  }
  return { valid, keptMiB: heldBefore === null ? 0 : ((await heldMemory()) - heldBefore) / MIB };
}

/** Bytes of JavaScript's heap and of array buffers that something still refers to. */
async function heldMemory(): Promise<number> {
  for (let round = 0; round < ROUNDS; round++) {
    await setImmediate();
    collectGarbage();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Bytes that JavaScript's heap has taken from the system (which it gives back late: near the peak) and array buffers. */
function memory(): number {
  return v8.getHeapStatistics().total_heap_size + process.memoryUsage().arrayBuffers;
}

function collectGarbage(): void {
  v8.setFlagsFromString('--expose-gc');
  (vm.runInNewContext('gc') as () => void)();
}

/** The tests of one parser. */
export function fuzz<T>(target: Target<T>): void {
  const corpus = readCorpus(target.name);
  const inputs = countOf(target);
  const timeout = Math.max(180_000, inputs * 10);

  describe(target.name, () => {
    const watchdog = new Watchdog(target.name, SEED);
    afterAll(() => watchdog.end());

    it.each(corpus)('corpus: $file', async ({ file, bytes }) => {
      expect(await isValid(target, bytes)).toBe(file.startsWith('ok-'));
    });

    it.each(target.hostile)('hostile: $what', async ({ bytes, growthMiB, valid = false }) => {
      const input = bytes();
      watchdog.begin(-1, input);
      collectGarbage();
      const before = memory();
      const found = await isValid(target, input);
      const growth = (memory() - before) / MIB;
      expect(found).toBe(valid);
      expect(growth).toBeLessThan(growthMiB);
    });

    it(`${inputs} inputs of seed ${SEED}: valid within bounds, or the error that is documented`, {
      timeout,
    }, async () => {
      const items = corpus.map(({ bytes }) => bytes);
      const { stackTraceLimit } = Error;
      // Most inputs end in an error, and most of an error's cost is its stack.
      if (ONLY === undefined) Error.stackTraceLimit = 0;
      const { valid, keptMiB } = await parseAll(target, items, watchdog).finally(() => {
        Error.stackTraceLimit = stackTraceLimit;
      });
      console.log(`${target.name}: ${inputs} inputs, ${valid} valid, ${keptMiB.toFixed(1)} MiB kept`);
      expect(keptMiB).toBeLessThan(KEPT_MIB_MAX);
      if (ONLY === undefined) expect(valid).toBeGreaterThan(inputs * VALID_MIN);
      if (ONLY === undefined) expect(valid).toBeLessThan(inputs);
    });
  });
}
