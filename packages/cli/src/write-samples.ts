import { setImmediate } from 'node:timers/promises';
import { GantryError } from '@gantry/common';
import type { TableSchema } from '@gantry/data';
import { requireRoom } from './disk-room.js';
import { count as withCommas } from './formats/numbers.js';
import { SAMPLES_PER_BATCH, type SampleSource } from './generator.js';
import { createSampleWriter, type SampleFormat, type SampleWriter } from './sample-writer.js';

export interface WriteSamplesOptions {
  readonly format: SampleFormat;
  readonly to: string;
  readonly count: number;
  /** Of `csv`: what the numbers of a sample mean. */
  readonly schema?: TableSchema;
  /** Its reason is the name of what asked to stop: `SIGINT`. */
  readonly signal?: AbortSignal;
  /** Called after each batch with how many samples are written. */
  readonly onProgress?: (made: number) => void;
}

/**
 * Makes `count` samples and writes them to `to`; a failure leaves no half file.
 * @throws GantryError GANTRY_DISK_FULL, GANTRY_FILE_FAILED, GANTRY_INTERRUPTED
 */
export async function writeSamples(source: SampleSource, options: WriteSamplesOptions): Promise<void> {
  const { format, to, count, schema } = options;
  const shape = { count, imageShape: source.imageShape, ...(schema === undefined ? {} : { schema }) };
  requireRoom(options, shape);
  const writer = createSampleWriter(format, to, shape);
  try {
    await writeAll(source, writer, options);
    await writer.finish();
  } catch (error) {
    writer.discard();
    throw error;
  }
}

async function writeAll(source: SampleSource, writer: SampleWriter, options: WriteSamplesOptions): Promise<void> {
  const { count, onProgress } = options;
  const size = source.imageShape.reduce((product, dimension) => product * dimension, 1);
  for (let first = 0; first < count; first += SAMPLES_PER_BATCH) {
    // Engines may compute without ever giving the event loop a turn, and signals arrive in one.
    await setImmediate();
    refuseStop(options, first);
    const { pixels, floats } = await source.batch(first);
    const used = Math.min(SAMPLES_PER_BATCH, count - first);
    await writer.write(pixels.subarray(0, used * size), used, floats);
    onProgress?.(first + used);
  }
}

function refuseStop({ signal, count, format, to }: WriteSamplesOptions, made: number): void {
  if (signal?.aborted !== true) return;
  const kept = format === 'png' ? `those are in ${to}` : 'none is kept';
  throw new GantryError(
    'GANTRY_INTERRUPTED',
    `stopped by ${String(signal.reason)} after ${withCommas(made)} of ${withCommas(count)} samples; ${kept}`,
    { details: { made, count } },
  );
}
