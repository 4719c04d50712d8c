import { describe, expect, it } from 'vitest';
import { progressLine } from './progress-line.js';
import type { ProgressEvent } from './reporter.js';

const event: ProgressEvent = {
  event: 'progress',
  step: 1200,
  steps: 10_000,
  imagesPerSecond: 8123.4,
  etaSeconds: 500,
  penalty: null,
  phaseMs: { load: 1, compute: 2, gather: 3, update: 4, commit: 5 },
  endedMs: 1_800_000_000_000,
  discriminatorLoss: 0.7812,
  generatorLoss: 1.3449,
  accuracyReal: 0.69,
  accuracyFake: 1,
};

describe('progressLine', () => {
  it.each([
    [
      130,
      '==------------------  12 %  step 1,200/10,000  8,123 images/s  D 0.781  G 1.345  D right:  69 % real, 100 % fake  8 min 20 s left',
    ],
    [
      120,
      '=---------  12 %  step 1,200/10,000  8,123 images/s  D 0.781  G 1.345  D right:  69 % real, 100 % fake  8 min 20 s left',
    ],
    [100, '==-----------------  step 1,200/10,000  8,123 img/s  D 0.78 G 1.34  real  69% fake 100%  8 min left'],
    [80, 'step 1,200/10,000  8,123 img/s  D 0.78 G 1.34  real  69% fake 100%  8 min left'],
    [76, '1,200/10,000  8,123 img/s  D 0.78 G 1.34  real  69% fake 100%  8 min left'],
    [64, '1,200/10,000  D 0.78 G 1.34  real  69% fake 100%  8 min left'],
    [60, '1,200/10,000  8,123 img/s  D 0.78 G 1.34  8 min left'],
    [40, '1,200/10,000  D 0.78 G 1.34  8 min left'],
    [30, '1,200/10,000  8 min left'],
    [20, '1,200/10,000'],
    [8, '12 %'],
    [4, ''],
  ])('in %i columns', (columns, line) => {
    expect(progressLine(event, columns)).toBe(line);
  });

  const late = { ...event, step: 98_765, steps: 100_000, imagesPerSecond: 123_456, etaSeconds: 7500 };

  it.each([0, 1, 10, 20, 40, 60, 80, 100, 120, 200])('never fills %i columns', (columns) => {
    for (const one of [event, late, { ...event, discriminatorLoss: Number.NaN, etaSeconds: null }])
      expect(progressLine(one, columns).length).toBeLessThanOrEqual(Math.max(0, columns - 1));
  });

  it('keeps every number of a long and fast run at 80 columns', () => {
    expect(progressLine(late, 80)).toBe(
      '98,765/100,000  123,456 img/s  D 0.78 G 1.34  real  69% fake 100%  2.1 h left',
    );
  });

  it('says nothing of a time left that is not known', () => {
    expect(progressLine({ ...event, etaSeconds: null }, 80)).not.toContain('left');
  });

  it('says 100 % at the end alone', () => {
    expect(progressLine({ ...event, step: 9_999 }, 200)).toContain(' 99 % ');
    expect(progressLine({ ...event, step: 10_000 }, 200)).toContain('====================  100 % ');
  });
});
