import { expect, it } from 'vitest';
import { chunksOf, DataNeeds } from './data-needs.js';

it('chunks are named once, in the order of need', () => {
  const spanOf = (sample: number) => [sample >> 1, (sample + 1) >> 1] as const;
  expect(chunksOf([7, 0, 6, 1], spanOf)).toEqual([3, 4, 0, 1]);
});

it('turns are told once, some ahead, and forgotten when they are over', () => {
  const needs = new DataNeeds((turn) => [turn * 10], 2);
  const need = (turn: number) => ({ turn, chunks: [turn * 10] });
  expect(needs.begin(4)).toEqual({ reset: true, first: 4, needs: [need(4), need(5), need(6)] });
  expect(needs.begin(5)).toEqual({ reset: false, first: 5, needs: [need(7)] });
  expect(needs.chunksOf(5)).toEqual([50]);
  expect(needs.chunksOf(4)).toEqual([]);
  // Turns may be left out.
  expect(needs.begin(11)).toEqual({ reset: false, first: 11, needs: [need(11), need(12), need(13)] });
});
