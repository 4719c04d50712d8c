import { describe, expect, it } from 'vitest';
import { GantryError } from '../errors.js';
import { parseConfigFile } from './file.js';
import { parseRunConfig } from './resolve.js';

async function refusal(action: () => unknown): Promise<GantryError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof GantryError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

/** Deeper than JSON.stringify can write. */
const deep = '['.repeat(20_000) + ']'.repeat(20_000);

describe('a hostile configuration', () => {
  // Deeper ones used to end the process inside the YAML library: out of memory in a regular expression, not an exception.
  it.each(['[', '{a: ', '- ', '? ', 'a:\n'])('is not followed into %j without end', async (level) => {
    const text =
      level === 'a:\n' ? Array.from({ length: 100 }, (_, i) => ' '.repeat(i) + level).join('') : level.repeat(5000);
    const error = await refusal(() => parseConfigFile(text, 'g.yaml'));
    expect(error.code).toBe('GANTRY_CONFIG_INVALID');
    expect(error.message).toBe('g.yaml is nested deeper than 32 levels');
  });

  it.each(['workers: &a [*a]', '&a {workers: *a}', '&a [*a]'])('that holds itself is refused: %s', async (text) => {
    expect((await refusal(() => parseConfigFile(text, 'g.yaml'))).message).toContain('a value nested without end');
  });

  it('has its first fifty problems listed, with short names', async () => {
    const text = Array.from({ length: 100 }, (_, i) => `${'k'.repeat(500)}${i}: 1`).join('\n');
    const { message } = await refusal(() => parseConfigFile(text, 'g.yaml'));
    expect(message).toContain('50 problems or more');
    expect(message.length).toBeLessThan(10_000);
  });

  it('is refused when it comes from a checkpoint, too', async () => {
    const error = await refusal(() => parseRunConfig(JSON.parse(`{"workers":${deep}}`), 'its manifest'));
    expect(error.message).toContain('a value nested without end');
    expect((await refusal(() => parseRunConfig(null, 'its manifest'))).message).toContain('must be a mapping');
  });
});
