import { createHash } from 'node:crypto';
import type { LoadedDefinition } from './definition.js';
import { presetNamed } from './presets/presets.js';

/**
 * The definition of a run: a user's file, or the preset's own networks.
 *
 * @param path of a `.ts`, `.mts`, `.js` or `.mjs` file with `export default defineGan({ … })`; null: the preset's networks
 * @throws GantryError GANTRY_MODEL_NOT_FOUND, GANTRY_MODEL_INVALID naming file and line, GANTRY_CONFIG_INVALID for no preset
 */
export async function loadDefinition(path: string | null, preset: string): Promise<LoadedDefinition> {
  if (path !== null) return (await import('./user-model/load.js')).loadUserDefinition(path);
  const definition = await presetNamed(preset).definition();
  return {
    definition,
    contentHash: createHash('sha256').update(`preset ${definition.name}`).digest('hex'),
    path: null,
  };
}
