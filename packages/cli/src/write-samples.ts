import { SAMPLES_PER_BATCH, type SampleSource } from './generator.js';
import { createSampleWriter, type SampleFormat } from './sample-writer.js';

/** Makes `count` samples and writes them to `to`; a failure leaves no half file. */
export async function writeSamples(
  source: SampleSource,
  options: { format: SampleFormat; to: string; count: number },
): Promise<void> {
  const { format, to, count } = options;
  const { imageShape } = source;
  const size = imageShape.reduce((product, dimension) => product * dimension, 1);
  const writer = createSampleWriter(format, to, { count, imageShape });
  try {
    for (let first = 0; first < count; first += SAMPLES_PER_BATCH) {
      const images = await source.batch(first);
      const used = Math.min(SAMPLES_PER_BATCH, count - first);
      await writer.write(images.subarray(0, used * size), used);
    }
  } catch (error) {
    writer.discard();
    throw error;
  }
  await writer.finish();
}
