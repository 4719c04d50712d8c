import { SAMPLES_BYTES_MAX } from '@gantry/common';
import { SAMPLE_COUNT_MAX } from '../constants.js';

/**
 * How many pictures of `imageBytes` bytes (uint8 [h, w, c]) one Samples message takes, at most {@link SAMPLE_COUNT_MAX}; 0 if
 * not even one fits.
 */
export function sampleCount(imageBytes: number): number {
  return Math.min(SAMPLE_COUNT_MAX, Math.floor(SAMPLES_BYTES_MAX / imageBytes));
}
