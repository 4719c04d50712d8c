import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { healthOf, showHealth } from './health.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-health-'));
const file = join(folder, 'health');
afterEach(() => {
  delete process.env.GANTRY_HEALTH_FILE;
  rmSync(file, { force: true });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('a health file', () => {
  it('is written by what lasts, and says how long ago', () => {
    process.env.GANTRY_HEALTH_FILE = file;
    showHealth('worker');
    const now = healthOf(file, Date.now());
    expect(now).toEqual({ healthy: true, text: expect.stringContaining(`worker, pid ${process.pid}: its event loop`) });
    expect(healthOf(file, Date.now() + 60_000)).toEqual({
      healthy: false,
      text: expect.stringMatching(/turned 60 s ago/),
    });
  });

  it('is not written by a command that only looks, nor without the variable', () => {
    showHealth('worker');
    process.env.GANTRY_HEALTH_FILE = file;
    showHealth('status');
    expect(healthOf(file, Date.now())).toEqual({ healthy: false, text: expect.stringMatching(/has started here/) });
  });

  it.each(['', '{', '{}', 'null'])('with %j in it is not healthy', (text) => {
    writeFileSync(file, text);
    expect(healthOf(file, Date.now()).healthy).toBe(false);
  });

  it('that cannot be written is refused by name', () => {
    process.env.GANTRY_HEALTH_FILE = join(folder, 'nowhere', 'health');
    expect(() => showHealth('worker')).toThrow(/GANTRY_HEALTH_FILE is .*nowhere.*cannot be written/);
  });
});
