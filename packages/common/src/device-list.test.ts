import { expect, it } from 'vitest';
import { deviceOfWorker } from './device-list.js';

it.each([
  ['cpu', ['cpu', 'cpu', 'cpu']],
  ['cuda:0,cuda:1', ['cuda:0', 'cuda:1', 'cuda:0']],
])('gives workers their turn at %s', (devices, expected) => {
  expect([0, 1, 2].map((index) => deviceOfWorker(devices, index))).toEqual(expected);
});
