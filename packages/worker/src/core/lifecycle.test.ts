import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { encodeEnvelope } from '@gantry/common';
import { describe, expect, it } from 'vitest';
import { replay } from '../testing/transcript.js';
import { hasLeft, initialWorker, stepWorker, type WorkerState } from './lifecycle.js';

const folder = fileURLToPath(new URL('../../testdata/', import.meta.url));

// UPDATE_TRANSCRIPTS=1 writes what the life cycle does now; read the difference before committing it.
describe('transcripts', () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
    it(file, () => {
      const text = readFileSync(folder + file, 'utf8');
      const replayed = replay(text);
      if (process.env.UPDATE_TRANSCRIPTS === '1') writeFileSync(folder + file, replayed);
      else expect(replayed).toBe(text);
    });
  }
});

it('a failure with more to say than a message takes is still one', () => {
  const long = { message: 'x'.repeat(100_000), detailsJson: JSON.stringify('y'.repeat(100_000)) };
  const { effects } = stepWorker(initialWorker('w'), { type: 'failed', code: 'GANTRY_INTERNAL', ...long });
  const [effect] = effects;
  expect(effect).toMatchObject({ type: 'send', message: { kind: 'failure', detailsJson: '' } });
  if (effect?.type !== 'send') throw new Error('nothing was sent');
  const { message: body } = effect;
  expect(() => encodeEnvelope({ runId: 'run-1', generation: 1, update: 0, body })).not.toThrow();
});

it('an abort of training is no failure of a worker that has rejoined meanwhile', () => {
  const training: WorkerState = { ...initialWorker('w'), phase: 'training', session: 's', generation: 3 };
  expect(hasLeft(training, 3)).toBe(false);
  const { state: connecting } = stepWorker(training, { type: 'message', message: { kind: 'rejoin' } });
  expect(hasLeft(connecting, 3)).toBe(true);
  const welcome = { worker: 'w', session: 't', runConfigJson: '{}', heartbeatMs: 250, leaseMs: 1500, modelPath: '' };
  const { state: greeted } = stepWorker(connecting, { type: 'message', message: { kind: 'welcome', ...welcome } });
  const { state: joined } = stepWorker(greeted, {
    type: 'bound',
    dataEndpoint: '',
    dataKey: '',
    heldGeneration: 3,
    heldUpdate: 5,
  });
  expect(joined.phase).toBe('joined');
  expect(hasLeft(joined, 3)).toBe(true);
});
