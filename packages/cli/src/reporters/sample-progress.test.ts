import { expect, it } from 'vitest';
import { createSampleProgress } from './sample-progress.js';

/** 1,000 samples at 100 a second; what is written. */
function told(isTerminal: boolean): string[] {
  const written: string[] = [];
  let ms = 0;
  const write = (text: string) => void written.push(text);
  const progress = createSampleProgress(1000, { isTerminal, write, nowMs: () => ms });
  for (let made = 20; made <= 1000; made += 20) {
    ms += 200;
    progress.made(made);
  }
  progress.close();
  return written;
}

it('writes a line every few seconds', () => {
  expect(told(false)).toEqual(['samples     500/1,000  5 s left\n', 'samples     1,000/1,000  0 s left\n']);
});

it('changes one line on a terminal, and clears it at the end', () => {
  const frames = told(true);
  expect(frames[0]).toBe('\r\u001b[2Ksamples     60/1,000  9 s left');
  expect(frames.join('')).not.toContain('\n');
  expect(frames.at(-1)).toBe('\r\u001b[2K');
});
