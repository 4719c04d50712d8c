import { describe, expect, it } from 'vitest';
import { editDistance, nearest, plural, shellQuote, suggestion } from './text.js';

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['abc', '', 3],
    ['batch', 'batch', 0],
    ['bacth', 'batch', 1],
    ['btch', 'batch', 1],
    ['baatch', 'batch', 1],
    ['botch', 'batch', 1],
    ['kitten', 'sitting', 3],
    ['ca', 'abc', 3],
  ])('%s → %s is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });
});

describe('nearest', () => {
  const words = ['workers', 'shards', 'steps', 'seed', 'learning-rate'];
  it.each([
    ['wrokers', 'workers'],
    ['Shard', 'shards'],
    ['learningRate', 'learning-rate'],
    ['xyzzy', undefined],
    ['w'.repeat(10_000), undefined],
  ])('%s', (word, expected) => {
    expect(nearest(word, words)).toBe(expected);
  });

  it('words a suggestion', () => {
    expect(suggestion('sede', words, '--')).toBe(' Did you mean --seed?');
    expect(suggestion('quux', words)).toBe('');
  });
});

it('counts', () => {
  expect([plural(1, 'worker'), plural(2, 'worker')]).toEqual(['1 worker', '2 workers']);
});

it('quotes for a shell only what must be quoted', () => {
  expect(shellQuote('/runs/mlp-1')).toBe('/runs/mlp-1');
  expect(shellQuote("my runs/it's")).toBe("'my runs/it'\\''s'");
});
