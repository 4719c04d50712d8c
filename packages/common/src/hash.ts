import { createHash, type Hash } from 'node:crypto';

/** SHA-256, in lower-case hex, of buffers taken one after the other; a Float32Array counts as its bytes in memory. */
export function sha256Hex(...parts: readonly (string | NodeJS.ArrayBufferView)[]): string {
  const hash = new Sha256();
  for (const part of parts) hash.update(part);
  return hash.hex();
}

/** The same, piece by piece, for what arrives or is read in chunks. */
export class Sha256 {
  readonly #hash: Hash = createHash('sha256');

  update(part: string | NodeJS.ArrayBufferView): this {
    this.#hash.update(part);
    return this;
  }

  /** Ends the stream: no update after it. */
  hex(): string {
    return this.#hash.digest('hex');
  }
}
