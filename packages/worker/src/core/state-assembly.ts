import { GantryError, type StateChunk } from '@gantry/common';

/**
 * The one state that a generation may bring. What comes of it once more, as nothing should but everything may, is known and
 * changes nothing.
 */
export class IncomingState {
  readonly #bytesMax: number;
  #assembly: StateAssembly | null = null;
  /** Update of the one that is whole. */
  #whole: number | null = null;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Forgets everything: another generation begins, or this one has ended. */
  clear(): void {
    this.#assembly = null;
    this.#whole = null;
  }

  /** @returns the state when this chunk completes it, else null. @throws GantryError as {@link acceptChunk}. */
  accept(chunk: StateChunk): StateAssembly | null {
    if (chunk.stateUpdate === this.#whole || isRepeated(this.#assembly, chunk)) return null;
    const assembly = acceptChunk(this.#assembly, chunk, this.#bytesMax);
    this.#assembly = assembly;
    if (assembly.sha256 === '') return null;
    this.#assembly = null;
    this.#whole = assembly.update;
    return assembly;
  }
}

/** Whether all of it is in place already. */
function isRepeated(assembly: StateAssembly | null, { stateUpdate, offset, totalBytes, data }: StateChunk): boolean {
  if (assembly?.update !== stateUpdate || assembly.bytes.length !== totalBytes || data.length === 0) return false;
  return offset + data.length <= assembly.received;
}

/** A state that comes in pieces. Invariant: bytes [0, received) of `bytes` are in place. */
export interface StateAssembly {
  readonly update: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  received: number;
  sha256: string;
}

/**
 * Puts one chunk in its place. Chunks come in order, from offset 0; a new offset 0 begins a new state.
 *
 * @param assembly The state so far; null before the first chunk.
 * @param bytesMax Larger states are refused before memory is taken for them.
 * @returns The state, complete when `received` is its length and `sha256` is not empty.
 * @throws GantryError GANTRY_PROTOCOL_INVALID for a gap, an overlap, another state's chunk or a wrong size; `assembly` is then as it was.
 */
export function acceptChunk(assembly: StateAssembly | null, chunk: StateChunk, bytesMax: number): StateAssembly {
  const { stateUpdate, offset, totalBytes, data, sha256 } = chunk;
  if (totalBytes > bytesMax || totalBytes % Float32Array.BYTES_PER_ELEMENT !== 0 || totalBytes === 0) {
    throw invalid(chunk, `a state of ${totalBytes} bytes`);
  }
  const current = offset === 0 ? { update: stateUpdate, bytes: allocate(chunk), received: 0, sha256: '' } : assembly;
  if (current === null || current.update !== stateUpdate || current.bytes.length !== totalBytes) {
    throw invalid(chunk, 'it continues no state that was begun');
  }
  if (offset !== current.received) throw invalid(chunk, `${current.received} bytes are there`);
  if (offset + data.length > totalBytes || data.length === 0) throw invalid(chunk, `it has ${data.length} bytes`);
  const last = offset + data.length === totalBytes;
  if (last !== (sha256 !== '')) throw invalid(chunk, last ? 'the last has no hash' : 'a hash before the last');
  current.bytes.set(data, offset);
  current.received += data.length;
  current.sha256 = sha256;
  return current;
}

/** Memory for a whole state. Below `bytesMax` it may still be more than this machine, or one array of this Node, can hold. */
function allocate(chunk: StateChunk): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(chunk.totalBytes);
  } catch {
    throw invalid(chunk, `there is no memory for ${chunk.totalBytes} bytes`);
  }
}

function invalid(chunk: StateChunk, why: string): GantryError {
  return new GantryError(
    'GANTRY_PROTOCOL_INVALID',
    `a chunk at byte ${chunk.offset} of the state of update ${chunk.stateUpdate} does not fit: ${why}`,
    { details: { update: chunk.stateUpdate, offset: chunk.offset } },
  );
}
