import { describe, expect, it } from 'vitest';
import type { Check } from '../core/plan.js';
import { runChecks } from './checks.js';
import { LaunchEvents } from './launch-events.js';

/** A check of what a shell's words print, and how they end. */
function check(what: string, words: string, more: Partial<Check> = {}): Check {
  return { what, command: { argv: ['sh', '-c', words] }, remedy: `Mend ${what}`, ...more };
}

async function problems(...checks: Check[]): Promise<{ message: string; notes: string[] }> {
  const notes: string[] = [];
  const events = new LaunchEvents({ event: () => {}, line: () => {}, note: (text) => notes.push(text) });
  const failed = await runChecks(checks, events).catch((error: Error) => error);
  return { message: failed?.message ?? '', notes };
}

describe('checks before a launch', () => {
  it('are told of when all is well', async () => {
    expect(await problems(check('a', 'echo yes', { expects: 'yes' }), check('b', ':', { after: 'a' }))).toEqual({
      message: '',
      notes: ['checked     a, b'],
    });
  });

  it('say everything that is wrong, with the last words and a remedy', async () => {
    const { message } = await problems(
      check('a', 'echo "is it there?" >&2; exit 1'),
      check('b', 'echo no', { expects: 'yes' }),
      check('c', 'echo one', { expectsNothing: true }),
    );
    expect(message).toBe(
      'nothing was started:\n  a: is it there? Mend a\n  b: printed no, not yes. Mend b\n  c: one does. Mend c',
    );
  });

  it('say once what is wrong where one comes after another', async () => {
    const after = { after: 'a' };
    const { message } = await problems(check('a', 'exit 1'), check('b', 'exit 1', after), check('c', 'exit 2'));
    expect(message).toBe('nothing was started:\n  a: ended with 1. Mend a\n  c: ended with 2. Mend c');
  });

  it('know what mends an exit code', async () => {
    const remedies = { 255: 'Is it up?' };
    expect((await problems(check('a', 'exit 255', { remedies }))).message).toMatch(/ended with 255\. Is it up\?$/);
    expect((await problems(check('a', 'exit 1', { remedies }))).message).toMatch(/ended with 1\. Mend a$/);
  });
});
