import type { Finding } from './finding.js';

/** A sign for each state, and its colour. */
export const MARKS: Readonly<Record<Finding['state'], readonly [string, string]>> = {
  ok: ['✓', '32'],
  absent: ['–', '2'],
  warning: ['!', '33'],
  problem: ['✗', '31'],
};
