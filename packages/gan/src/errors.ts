import { type ErrorDetails, GantryError } from '@gantry/common';

/** GANTRY_MODEL_INVALID, for whatever is wrong with a GAN that a user wrote. */
export function invalidModel(message: string, details: ErrorDetails = {}, cause?: unknown): GantryError {
  return new GantryError('GANTRY_MODEL_INVALID', message, { details, cause });
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
