import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { assert, GantryError, Sha256, type StateLayout } from '@gantry/common';
import { FILE_CHUNK_BYTES } from './constants.js';
import { fileError, syncFolder, writeSynced } from './durable.js';
import { hashInSlices } from './hash-slices.js';
import { type CheckpointManifest, formatManifest, parseManifest } from './manifest.js';
import { encodeHeader } from './safetensors.js';
import { findNonFinite, stateTensors } from './state-tensors.js';

export const STATE_FILE = 'state.safetensors';
export const MANIFEST_FILE = 'manifest.json';
const STEP_FOLDER = /^step-(\d{6,15})$/;
/** Prefix of a folder that is being written, or on its way out: never a checkpoint. */
const UNFINISHED = '.unfinished-';
/** Prefix of a whole checkpoint that is being replaced; `…-step-000100-UUID`. */
const REPLACED = '.replaced-';

export function stepFolder(step: number): string {
  return `step-${String(step).padStart(6, '0')}`;
}

/** Steps that have a checkpoint, ascending; not opened, so not known to be sound. */
export async function listCheckpoints(checkpoints: string): Promise<number[]> {
  const names = await readdir(checkpoints).catch(() => []);
  return names
    .flatMap((name) => STEP_FOLDER.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/**
 * Removes what a killed coordinator was writing, and puts back what it was about to replace. What it had renamed and not yet
 * synced is there, and counts from now on: it has to survive a power failure.
 *
 * @throws GantryError GANTRY_FILE_FAILED, GANTRY_DISK_FULL
 */
export async function cleanUnfinished(checkpoints: string): Promise<void> {
  const names: string[] = await readdir(checkpoints).catch(() => []);
  await clean(checkpoints, names).catch((cause) => {
    throw fileError(checkpoints, cause);
  });
}

async function clean(checkpoints: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const replaced = name.startsWith(REPLACED) ? /step-\d+/.exec(name)?.[0] : undefined;
    if (replaced !== undefined && !names.includes(replaced)) {
      await rename(path.join(checkpoints, name), path.join(checkpoints, replaced));
    } else if (name.startsWith(UNFINISHED) || name.startsWith(REPLACED)) {
      await rm(path.join(checkpoints, name), { recursive: true, force: true });
    }
  }
  if (names.length > 0) await syncFolder(checkpoints);
}

/** Deletes checkpoints: first out of the way by a rename, so that a crash never leaves half of one under its name. */
export async function deleteCheckpoints(checkpoints: string, steps: readonly number[]): Promise<void> {
  for (const step of steps) await removeFolder(checkpoints, stepFolder(step));
}

async function removeFolder(checkpoints: string, name: string): Promise<void> {
  const away = path.join(checkpoints, `${UNFINISHED}${name}-${randomUUID()}`);
  if (await renameIfThere(path.join(checkpoints, name), away)) await rm(away, { recursive: true, force: true });
}

/** A checkpoint that is not on the disk yet. */
export interface NewCheckpoint {
  readonly state: Float32Array;
  readonly layout: StateLayout;
  readonly manifest: Omit<CheckpointManifest, 'fileSha256'>;
}

/**
 * Writes a checkpoint: into a temporary folder, files synced, renamed, the parent synced. When this returns it survives a
 * power failure; when it throws, everything that was there before is as it was, a checkpoint of the same step included.
 *
 * @param contents.state The flat state; checked against its hash, and for values that are not finite.
 * @param contents.beforeVisible Awaited when everything is written and the checkpoint has not its name yet.
 * @returns The checkpoint's folder.
 * @throws GantryError GANTRY_NON_FINITE naming the tensor, GANTRY_DISK_FULL, GANTRY_PROTOCOL_INVALID if the hash is not the state's.
 */
export async function saveCheckpoint(
  checkpoints: string,
  contents: NewCheckpoint & { beforeVisible?: () => Promise<void> },
): Promise<string> {
  const { state, layout, manifest, beforeVisible } = contents;
  await checkState(state, layout, manifest);
  const folder = path.join(checkpoints, stepFolder(manifest.step));
  if (await holdsSame(folder, manifest.stateSha256)) return folder;
  const temporary = path.join(checkpoints, `${UNFINISHED}${stepFolder(manifest.step)}-${randomUUID()}`);
  try {
    await mkdir(temporary, { recursive: true });
    const fileSha256 = await writeState(path.join(temporary, STATE_FILE), { state, layout, manifest });
    const text = formatManifest({ ...manifest, fileSha256 });
    await writeSynced(path.join(temporary, MANIFEST_FILE), (handle) => handle.writeFile(text));
    await syncFolder(temporary);
    await beforeVisible?.();
    await putInPlace(temporary, folder);
    return folder;
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true });
    throw fileError(folder, cause);
  }
}

/** Gives a finished folder its name. One that has it steps aside, and comes back if the new one cannot take its place. */
async function putInPlace(temporary: string, folder: string): Promise<void> {
  const checkpoints = path.dirname(folder);
  const aside = path.join(checkpoints, `${REPLACED}${path.basename(folder)}-${randomUUID()}`);
  const replaces = await renameIfThere(folder, aside);
  try {
    await rename(temporary, folder);
  } catch (error) {
    if (replaces) await rename(aside, folder);
    throw error;
  }
  await syncFolder(checkpoints);
  if (replaces) await rm(aside, { recursive: true, force: true });
}

/** False: there is no `from`. */
async function renameIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function checkState(
  state: Float32Array,
  layout: StateLayout,
  manifest: { readonly stateSha256: string; readonly step: number },
): Promise<void> {
  assert(state.length === layout.length, `a state of ${state.length} floats has a layout of ${layout.length}`);
  if ((await hashInSlices(state)) !== manifest.stateSha256) {
    const message = `the state of step ${manifest.step} is not what its SHA-256 says: it was damaged on its way`;
    throw new GantryError('GANTRY_PROTOCOL_INVALID', message, { details: { step: manifest.step } });
  }
  const bad = await findNonFinite(state, layout);
  if (bad === null) return;
  throw new GantryError(
    'GANTRY_NON_FINITE',
    `the state of step ${manifest.step} is not finite: ${bad.name}, element ${bad.index}; it was not saved`,
    { details: { step: manifest.step, tensor: bad.name } },
  );
}

/** A checkpoint of that step is there already with the same state: a resumed run that ended at once, or a stop at a scheduled step. */
async function holdsSame(folder: string, stateSha256: string): Promise<boolean> {
  try {
    const manifest = parseManifest(await readFile(path.join(folder, MANIFEST_FILE), 'utf8'));
    if (manifest.stateSha256 !== stateSha256) return false;
    return (await hashInSlices(await readFile(path.join(folder, STATE_FILE)))) === manifest.fileSha256;
  } catch {
    return false;
  }
}

/** Writes state.safetensors and returns its SHA-256. */
async function writeState(file: string, contents: NewCheckpoint): Promise<string> {
  const { state, layout, manifest } = contents;
  const tensors = stateTensors(layout);
  const { step, update, stateSha256, gantryVersion } = manifest;
  const metadata = { format: 'gantry', step: String(step), update: String(update), stateSha256, gantryVersion };
  const hash = new Sha256();
  await writeSynced(file, async (handle) => {
    const write = async (bytes: Uint8Array): Promise<void> => {
      hash.update(bytes);
      await writeAll(handle, bytes);
    };
    await write(encodeHeader(tensors, metadata));
    for (const { offset, length } of tensors) {
      const bytes = new Uint8Array(state.buffer, state.byteOffset + 4 * offset, 4 * length);
      for (let at = 0; at < bytes.length; at += FILE_CHUNK_BYTES)
        await write(bytes.subarray(at, at + FILE_CHUNK_BYTES));
    }
  });
  return hash.hex();
}

/** A write may take less than it was given, on a nearly full disk for one. */
async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    written += (await handle.write(bytes, written, bytes.length - written)).bytesWritten;
  }
}
