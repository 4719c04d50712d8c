import { expect, it } from 'vitest';
import { createConversionProgress } from './conversion-progress.js';

it('tells how far a conversion is, a line every few seconds, and nothing of a short one', () => {
  const lines: string[] = [];
  let now = 0;
  const progress = createConversionProgress(
    (line) => lines.push(line),
    () => now,
  );
  for (let done = 1; done <= 100; done++) {
    now += 100;
    progress({ what: 'reading the images of faces', done, total: 100 });
  }
  for (let done = 1; done <= 10; done++) progress({ what: 'converting the images of faces', done, total: 1000 });
  now += 4000;
  progress({ what: 'converting the images of faces', done: 1000 / 2, total: 1000 });
  expect(lines).toEqual([
    'data        reading the images of faces: 30/100  7 s left',
    'data        reading the images of faces: 60/100  4 s left',
    'data        reading the images of faces: 90/100  1 s left',
    'data        converting the images of faces: 500/1,000  4 s left',
  ]);
});
