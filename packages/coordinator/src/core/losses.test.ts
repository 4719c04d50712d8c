import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { play } from '../testing/transcript.js';

function endOf(transcript: string) {
  return play(readFileSync(fileURLToPath(new URL(`../../testdata/${transcript}.txt`, import.meta.url)), 'utf8')).state;
}

it('has who was removed for its memory among the losses, with the reason', () => {
  const { losses, lossCount } = endOf('a-removed-worker-comes-back');
  expect(losses.map(({ worker, reason }) => [worker, reason])).toEqual([
    [
      'worker-1',
      expect.stringMatching(/^removed: its state differed from that of the others 2 times, last after update/),
    ],
  ]);
  expect(lossCount).toBe(1);
});
