import { createHash } from 'node:crypto';
import type { GanDefinition } from './definition.js';
import { presetNamed } from './presets/presets.js';

/** A definition and where it came from. */
export interface LoadedDefinition {
  readonly definition: GanDefinition;
  /** SHA-256 in hex of what was loaded: the bundled user file, or the preset's name. */
  readonly contentHash: string;
  /** Absolute path of the user's file; null for a preset. */
  readonly path: string | null;
}

export async function loadDefinition(path: string | null, preset: string): Promise<LoadedDefinition> {
  if (path !== null) return (await import('./user-model/load.js')).loadUserDefinition(path);
  const definition = await presetNamed(preset).definition();
  return {
    definition,
    contentHash: createHash('sha256').update(`preset ${definition.name}`).digest('hex'),
    path: null,
  };
}
