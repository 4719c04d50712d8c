import { open, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { GantryError, type StateLayout } from '@gantry/common';
import { listCheckpoints, MANIFEST_FILE, STATE_FILE, stepFolder } from './checkpoint-writer.js';
import { FILE_CHUNK_BYTES, MANIFEST_BYTES_MAX } from './constants.js';
import { hashInSlices } from './hash-slices.js';
import { type CheckpointManifest, parseManifest } from './manifest.js';
import { decodeHeader, headerLength, PREFIX_BYTES } from './safetensors.js';
import { parseStateLayout, type StateTensor, stateTensors } from './state-tensors.js';

/** Largest file that is read at once; Node's own bound on a buffer is about the same. */
const STATE_FILE_BYTES_MAX = 2 ** 33;

/** A sound checkpoint: every byte of it was checked. */
export interface Checkpoint {
  readonly manifest: CheckpointManifest;
  /** The flat state: `layout.length` floats, padding zero. */
  readonly state: Float32Array<ArrayBuffer>;
  readonly layout: StateLayout;
  /** Its folder. */
  readonly path: string;
  /** Newer ones that were passed over because they are damaged, newest first. */
  readonly damaged: readonly { readonly step: number; readonly path: string; readonly message: string }[];
}

/**
 * Reads a checkpoint of a run.
 *
 * @param options.step Exactly this one. @default the newest that is sound; damaged ones are named in `damaged`
 * @throws GantryError GANTRY_CHECKPOINT_NOT_FOUND, or GANTRY_CHECKPOINT_INVALID if the one asked for, or every one, is damaged.
 */
export async function readCheckpoint(runDirectory: string, options: { step?: number } = {}): Promise<Checkpoint> {
  const checkpoints = path.join(runDirectory, 'checkpoints');
  const steps = await listCheckpoints(checkpoints);
  if (options.step !== undefined) {
    if (!steps.includes(options.step)) throw notFound(runDirectory, steps, options.step);
    return { ...(await readOne(path.join(checkpoints, stepFolder(options.step)))), damaged: [] };
  }
  if (steps.length === 0) throw notFound(runDirectory, steps);
  const damaged: { step: number; path: string; message: string }[] = [];
  for (const step of steps.toReversed()) {
    const folder = path.join(checkpoints, stepFolder(step));
    try {
      return { ...(await readOne(folder)), damaged };
    } catch (error) {
      if (!(error instanceof GantryError)) throw error;
      damaged.push({ step, path: folder, message: error.message });
    }
  }
  const what = damaged.map((one) => one.message).join('; ');
  const message =
    `every checkpoint of ${runDirectory} is damaged: ${what}. Move them out of ${checkpoints}: workers that still run ` +
    'have the state, and bring it back to a resumed coordinator; without them training begins anew';
  throw new GantryError('GANTRY_CHECKPOINT_INVALID', message, { details: { runDirectory } });
}

/** Reads and checks the manifest of one checkpoint, not its state. */
export async function readManifest(folder: string): Promise<CheckpointManifest> {
  return named(folder, async () => {
    const file = path.join(folder, MANIFEST_FILE);
    const { size } = await stat(file);
    if (size > MANIFEST_BYTES_MAX) throw invalid(`its manifest.json has ${size} bytes`);
    const manifest = parseManifest(await readFile(file, 'utf8'));
    if (stepFolder(manifest.step) !== path.basename(folder)) throw invalid(`its manifest is of step ${manifest.step}`);
    return manifest;
  });
}

async function readOne(folder: string): Promise<Omit<Checkpoint, 'damaged'>> {
  const manifest = await readManifest(folder);
  return named(folder, async () => {
    const layout = parseStateLayout(manifest.stateLayoutJson);
    const file = await readWhole(path.join(folder, STATE_FILE));
    const state = unpack(file, layout);
    if ((await hashInSlices(file)) !== manifest.fileSha256)
      throw invalid('state.safetensors is not what its SHA-256 says');
    if ((await hashInSlices(state)) !== manifest.stateSha256) throw invalid('its state is not what its SHA-256 says');
    return { manifest, state, layout, path: folder };
  });
}

async function readWhole(file: string): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    if (size > STATE_FILE_BYTES_MAX) throw invalid(`state.safetensors has ${size} bytes`);
    const bytes = Buffer.allocUnsafe(size);
    if ((await readPieces(handle, bytes)) < size) throw invalid('state.safetensors ends while it is read');
    return bytes;
  } finally {
    await handle.close();
  }
}

/** What is used of a FileHandle. */
interface Readable {
  read(into: Uint8Array, at: number, length: number, position: number): Promise<{ bytesRead: number }>;
}

/**
 * Fills `into` from the beginning of the file, piece by piece: no system reads more than 2 GiB at once.
 *
 * @returns how many bytes there were
 */
export async function readPieces(
  handle: Readable,
  into: Uint8Array,
  pieceBytes: number = FILE_CHUNK_BYTES,
): Promise<number> {
  let at = 0;
  while (at < into.length) {
    const { bytesRead } = await handle.read(into, at, Math.min(pieceBytes, into.length - at), at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return at;
}

/** Puts the file's tensors into their places of the flat state; the file must hold exactly those of the layout. */
function unpack(file: Buffer, layout: StateLayout): Float32Array<ArrayBuffer> {
  const header = headerLength(file, file.length);
  const data = file.subarray(PREFIX_BYTES + header);
  const { tensors } = decodeHeader(file.subarray(PREFIX_BYTES, PREFIX_BYTES + header), data.length);
  const places = new Map<string, StateTensor>(stateTensors(layout).map((tensor) => [tensor.name, tensor]));
  if (tensors.length !== places.size) throw invalid(`it holds ${tensors.length} tensors; ${places.size} are expected`);
  const state = new Float32Array(layout.length);
  const bytes = new Uint8Array(state.buffer);
  for (const { name, shape, begin, end } of tensors) {
    const place = places.get(name) ?? fail(`tensor ${name} is not of its layout`);
    if (shape.join() !== place.shape.join()) fail(`tensor ${name} has shape [${shape}]; [${place.shape}] is expected`);
    bytes.set(data.subarray(begin, end), 4 * place.offset);
  }
  return state;
}

function fail(problem: string): never {
  throw invalid(problem);
}

function invalid(problem: string): GantryError {
  return new GantryError('GANTRY_CHECKPOINT_INVALID', problem);
}

/** Names the checkpoint in whatever is wrong with it. */
async function named<T>(folder: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const message = `checkpoint ${folder} is damaged: ${(cause as Error).message}`;
    throw new GantryError('GANTRY_CHECKPOINT_INVALID', message, { cause, details: { checkpoint: folder } });
  }
}

function notFound(runDirectory: string, steps: readonly number[], step?: number): GantryError {
  const there = steps.length === 0 ? 'it has none' : `it has those of steps ${steps.join(', ')}`;
  const wanted = step === undefined ? 'no checkpoint' : `no checkpoint of step ${step}`;
  return new GantryError('GANTRY_CHECKPOINT_NOT_FOUND', `${runDirectory} has ${wanted}: ${there}`, {
    details: { runDirectory },
  });
}
