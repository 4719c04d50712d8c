import { decodeEnvelope, encodeEnvelope } from '@gantry/common';
import { expect, it } from 'vitest';
import { sampleCount } from './sample-count.js';

it.each([
  { height: 28, width: 28, channels: 1, count: 64 },
  { height: 256, width: 256, channels: 1, count: 64 },
  { height: 256, width: 256, channels: 3, count: 21 },
  { height: 1_024, width: 1_024, channels: 4, count: 1 },
  { height: 2_048, width: 1_024, channels: 3, count: 0 },
])('$height × $width × $channels: $count pictures, which the protocol takes', ({ count, ...shape }) => {
  const bytes = shape.height * shape.width * shape.channels;
  expect(sampleCount(bytes)).toBe(count);
  const pixels = new Uint8Array(count * bytes);
  const body = { kind: 'samples', step: 1, count, ...shape, ema: pixels, raw: pixels, real: pixels } as const;
  const frame = encodeEnvelope({ runId: 'run-1', generation: 1, update: 1, body });
  expect(decodeEnvelope(frame).body).toMatchObject({ kind: 'samples', count });
});
