import { GantryError } from '@gantry/common';

/** Version of the checkpoint's own format: the files, their names, the manifest's fields. */
export const CHECKPOINT_FORMAT = 1;

/** manifest.json beside state.safetensors: CheckpointManifest of checkpoint.proto. */
export interface CheckpointManifest {
  readonly formatVersion: number;
  readonly gantryVersion: string;
  readonly runId: string;
  readonly update: number;
  readonly step: number;
  /** SHA-256 of the flat state, hex. */
  readonly stateSha256: string;
  /** SHA-256 of the file state.safetensors, hex. */
  readonly fileSha256: string;
  readonly runConfigJson: string;
  readonly programHash: string;
  readonly stateLayoutJson: string;
}

const NUMBERS = ['formatVersion', 'update', 'step'] as const;
const TEXTS = ['gantryVersion', 'runId', 'runConfigJson', 'programHash', 'stateLayoutJson'] as const;
const HASHES = ['stateSha256', 'fileSha256'] as const;

export function formatManifest(manifest: CheckpointManifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** @throws GantryError GANTRY_CHECKPOINT_INVALID naming the field. */
export function parseManifest(text: string): CheckpointManifest {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new GantryError('GANTRY_CHECKPOINT_INVALID', 'its manifest.json is no JSON', { cause });
  }
  if (typeof value !== 'object' || value === null) throw invalid('is no object');
  for (const key of NUMBERS) if (!isCount(value[key])) throw invalid(`has no valid ${key}`);
  for (const key of TEXTS) if (typeof value[key] !== 'string') throw invalid(`has no ${key}`);
  for (const key of HASHES) if (!isHash(value[key])) throw invalid(`has no valid ${key}`);
  if (value.formatVersion !== CHECKPOINT_FORMAT) {
    throw invalid(`is of format ${value.formatVersion}; this Gantry reads ${CHECKPOINT_FORMAT}`);
  }
  return value as unknown as CheckpointManifest;
}

function isHash(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function invalid(problem: string): GantryError {
  return new GantryError('GANTRY_CHECKPOINT_INVALID', `its manifest.json ${problem}`);
}
