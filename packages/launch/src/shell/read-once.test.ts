import { expect, it } from 'vitest';
import { ReadOnce } from './read-once.js';

const line = (text: string) => {
  const [by, at] = text.split('@');
  return { name: '', line: text, ...(at === undefined ? {} : { said: { by: by!, at } }) };
};

it('knows lines again by their number, where an output tells no more', () => {
  const once = new ReadOnce();
  const read = (...lines: string[]): string[] => {
    once.begin();
    return lines.filter((text) => once.isNew(line(text)));
  };
  expect(read('a', 'b')).toEqual(['a', 'b']);
  expect(read('a', 'b', 'c')).toEqual(['c']);
  expect(read('a')).toEqual([]);
  expect(read('a', 'b', 'c', 'd')).toEqual(['d']);
});

it('knows them by who said them when, also where somebody begins anew or their order changes', () => {
  const once = new ReadOnce();
  const read = (...lines: string[]): string[] => {
    once.begin();
    return lines.filter((text) => once.isNew(line(text)));
  };
  expect(read('x@1', 'y@5', 'x@2', 'x@2')).toEqual(['x@1', 'y@5', 'x@2', 'x@2']);
  expect(read('y@5', 'y@6', 'x@1', 'x@2', 'x@2', 'x@3')).toEqual(['y@6', 'x@3']);
  // The container of x was started again: what it had said is not told any more, and less is new than was read before.
  expect(read('x@4', 'y@5', 'y@6')).toEqual(['x@4']);
  expect(read('z@1')).toEqual(['z@1']);
});
