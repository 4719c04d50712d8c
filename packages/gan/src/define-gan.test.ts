import { expect, it } from 'vitest';
import { defineGan } from './define-gan.js';
import { smallDefinition } from './testing/small-gan.js';

it('returns what it was given', () => {
  const definition = smallDefinition('relu');
  expect(defineGan(definition)).toBe(definition);
});

const cases: [string, object, RegExp][] = [
  ['name', { name: '../up' }, /name "\.\.\/up"; expected letters/],
  ['latent', { latent: 0 }, /latent 0; expected a whole number from 1/],
  ['latent', { latent: 2.5 }, /latent 2\.5/],
  ['imageShape', { imageShape: [28, 28] }, /imageShape \[28,28\]; expected \[height, width, channels\]/],
  ['generator', { generator: undefined }, /generator undefined; expected a function/],
  ['discriminator', { discriminator: {} }, /discriminator \{\}; expected a function/],
  ['loss', { loss: { name: 'own' } }, /loss \{"name":"own"\}; expected a name, or/],
  ['lattent', { lattent: 5 }, /unknown key "lattent"; expected one of name, latent/],
];
for (const [key, change, message] of cases) {
  it(`refuses a wrong ${key}: ${JSON.stringify(change)}`, () => {
    const define = () => defineGan({ ...smallDefinition('relu'), ...change });
    expect(define).toThrow(
      expect.objectContaining({ code: 'GANTRY_MODEL_INVALID', details: expect.objectContaining({ key }) }),
    );
    expect(define).toThrow(message);
  });
}

it('refuses what is no object', () => {
  expect(() => defineGan(null as never)).toThrow(/takes an object .* got null/);
});
