import { describe, expect, it } from 'vitest';
import { parseDatasetName, resolveDatasetName } from './dataset-name.js';

describe('parseDatasetName', () => {
  it.each([
    ['mnist', { kind: 'mnist' }],
    ['idx:a?size=3', { kind: 'idx', path: 'a?size=3', options: {} }],
    ['folder:faces', { kind: 'folder', path: 'faces', options: {} }],
    [
      'folder:/a b/c?size=32x24&channels=3&fit=fill&filter=mitchell',
      { kind: 'folder', path: '/a b/c', options: { size: '32x24', channels: '3', fit: 'fill', filter: 'mitchell' } },
    ],
    ['folder:what?', { kind: 'folder', path: 'what?', options: {} }],
    ['folder:a?b=1/c?size=8', { kind: 'folder', path: 'a?b=1/c', options: { size: '8' } }],
    ['npz:x.npz?range=-1,1e0&images=x', { kind: 'npz', path: 'x.npz', options: { range: '-1,1e0', images: 'x' } }],
    ['csv:C:\\t.csv?schema=s.yaml', { kind: 'csv', path: 'C:\\t.csv', options: { schema: 's.yaml' } }],
  ])('%s', (name, expected) => {
    expect(parseDatasetName(name)).toEqual(expected);
  });

  it.each([
    ['mnst', 'must be mnist, fashion-mnist, idx:PATH, folder:PATH, npz:PATH or csv:PATH'],
    ['folder:', 'must be mnist'],
    ['', 'must be mnist'],
    [
      'folder:a?sise=28',
      'has an option sise that folder: has not (it has size, channels, fit and filter). Did you mean size?',
    ],
    ['folder:a?constructor=1', 'has an option constructor that folder: has not'],
    ['folder:a?size=0', 'has size=0, where size must be pixels of a side'],
    ['folder:a?size=28&size=32', 'has the option size twice'],
    ['folder:a?channels=4', 'channels must be 1 (grey) or 3 (colour)'],
    ['folder:a?filter=lanczos', 'filter must be one of lanczos3, lanczos2'],
    ['npz:a?range=1', 'range must be LOW,HIGH'],
    ['csv:a?size=1', 'has an option size that csv: has not (it has schema)'],
  ])('refuses %s', (name, problem) => {
    expect((parseDatasetName(name) as { problem: string }).problem).toContain(problem);
  });
});

it('makes the paths of a name absolute, and changes nothing else', () => {
  expect(resolveDatasetName('folder:a/../b?size=28', '/w')).toBe('folder:/w/b?size=28');
  expect(resolveDatasetName('csv:t.csv?schema=s/t.yaml', '/w')).toBe('csv:/w/t.csv?schema=/w/s/t.yaml');
  expect(resolveDatasetName('npz:/d/x.npz?range=-1,1', '/w')).toBe('npz:/d/x.npz?range=-1,1');
  expect(resolveDatasetName('mnist', '/w')).toBe('mnist');
  expect(resolveDatasetName('mnst', '/w')).toBe('mnst');
});
