import { describe, expect, it } from 'vitest';
import { parseFault } from './fault.js';

describe('parseFault', () => {
  it('reads a fault of this worker and ignores those of others', () => {
    expect(parseFault('hang@120:worker-1', 'worker-1')).toEqual({
      kind: 'hang',
      update: 120,
      worker: 'worker-1',
      isSpent: false,
    });
    expect(parseFault('flip@2:w', 'w')?.kind).toBe('flip');
    expect(parseFault('slow@2:w', 'w')?.kind).toBe('slow');
    expect(parseFault('chunk@3:coordinator', 'coordinator')).toMatchObject({ kind: 'chunk', update: 3 });
    expect(parseFault('exit@1:worker-2', 'worker-1')).toBeNull();
    expect(parseFault(undefined, 'worker-1')).toBeNull();
    expect(parseFault('', 'worker-1')).toBeNull();
  });

  it.each(['explode@1:a', 'exit@0:a', 'exit@x:a', 'exit@1', 'exit@1:', 'nan@-1:a'])('refuses %s', (text) => {
    expect(() => parseFault(text, 'a')).toThrow(/GANTRY_FAULT/);
  });
});
