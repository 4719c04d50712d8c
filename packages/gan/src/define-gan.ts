import type { GanDefinition, GanLoss } from './definition.js';
import { invalidModel } from './errors.js';

/** What a definition consists of; `loss` may be left out. */
export const DEFINITION_KEYS: readonly string[] = [
  'name',
  'latent',
  'imageShape',
  'generator',
  'discriminator',
  'loss',
];
/** Names reach files, messages and other processes, so they are kept to what is safe everywhere. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
/** Far above any sensible GAN: a guard against a mistyped number, not a limit. */
const SIZE_MAX = 65_536;

/**
 * Checks a GAN's definition and returns it: what a user's `--model` file exports by default.
 *
 * @throws GantryError GANTRY_MODEL_INVALID naming the key, its value and what was expected
 * @example
 * export default defineGan({ name: 'wide', latent: 64, imageShape: [28, 28, 1], generator, discriminator });
 */
export function defineGan(definition: GanDefinition): GanDefinition {
  return checkDefinition(definition, 'defineGan got');
}

/** @param intro How messages begin, before the key and its value. @throws GantryError as {@link defineGan} does */
export function checkDefinition(definition: GanDefinition, intro: string): GanDefinition {
  if (typeof definition !== 'object' || definition === null) {
    throw invalidModel(`defineGan takes an object with ${DEFINITION_KEYS.join(', ')}; it got ${show(definition)}.`);
  }
  for (const key of Object.keys(definition)) {
    if (!DEFINITION_KEYS.includes(key)) throw unexpected(intro, 'key', key, `one of ${DEFINITION_KEYS.join(', ')}`);
  }
  const { name, latent, imageShape, loss } = definition;
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw unexpected(intro, 'name', name, 'letters, digits, ".", "_" and "-", at most 64');
  }
  if (!isSize(latent)) throw unexpected(intro, 'latent', latent, `a whole number from 1 to ${SIZE_MAX}`);
  if (!Array.isArray(imageShape) || imageShape.length !== 3 || !imageShape.every(isSize)) {
    throw unexpected(intro, 'imageShape', imageShape, '[height, width, channels], whole numbers from 1');
  }
  for (const key of ['generator', 'discriminator'] as const) {
    if (typeof definition[key] !== 'function') {
      throw unexpected(intro, key, definition[key], 'a function that returns a tfjs-layers model');
    }
  }
  if (loss !== undefined && typeof loss !== 'string' && !isLoss(loss)) {
    throw unexpected(intro, 'loss', loss, 'a name, or { name, discriminator(real, fake), generator(fake) }');
  }
  return definition;
}

function unexpected(intro: string, key: string, value: unknown, expected: string) {
  const detail = key === 'key' ? `the unknown key "${value}"` : `${key} ${show(value)}`;
  return invalidModel(`${intro} ${detail}; expected ${expected}.`, { key: key === 'key' ? String(value) : key });
}

function show(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  return JSON.stringify(value) ?? String(value);
}

function isSize(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= SIZE_MAX;
}

function isLoss(value: unknown): value is GanLoss {
  const loss = value as Partial<GanLoss> | null;
  return (
    typeof loss === 'object' &&
    typeof loss?.name === 'string' &&
    typeof loss.discriminator === 'function' &&
    typeof loss.generator === 'function'
  );
}
