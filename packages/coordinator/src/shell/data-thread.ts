import { parentPort, workerData } from 'node:worker_threads';
import { assert, DATASET_MANIFEST_CHARS_MAX, GantryError } from '@gantry/common';
import { chunkCount, chunkPlace, type DataSource, type DatasetManifest, openDataset, readContent } from '@gantry/data';
import type { DataReply, DataThreadData, PieceRead } from './data-messages.js';

/**
 * Entry of the coordinator's data thread: it opens the data set, hashes it, and reads pieces of it, so that no read and no hash
 * can delay a heartbeat.
 */
const port = parentPort;
assert(port !== null, 'the data thread runs as a worker thread');
const { dataset } = workerData as DataThreadData;

interface Opened {
  readonly source: DataSource;
  readonly manifest: DatasetManifest;
}

async function open(): Promise<Opened | null> {
  try {
    const source = await openDataset(dataset, { split: 'train' });
    const manifest = source.manifest();
    const manifestJson = JSON.stringify(manifest);
    if (manifestJson.length > DATASET_MANIFEST_CHARS_MAX) throw tooLarge(manifest);
    post({ type: 'opened', manifestJson, sha256: manifest.sha256 });
    return { source, manifest };
  } catch (error) {
    post({ type: 'failed', problem: error instanceof Error ? error.message : String(error) });
    return null;
  }
}

function tooLarge(manifest: DatasetManifest): GantryError {
  const message = `${manifest.id} has ${chunkCount(manifest)} chunks, more than can be described in one message: copy it to the workers' machines`;
  return new GantryError('GANTRY_DATASET_INVALID', message);
}

function read({ source, manifest }: Opened, { id, chunk, offset, bytes }: PieceRead): void {
  if (chunk >= chunkCount(manifest) || offset + bytes > chunkPlace(manifest, chunk).bytes) {
    const problem = `the data set has no ${bytes} bytes at byte ${offset} of chunk ${chunk}`;
    post({ type: 'piece', id, problem, data: new ArrayBuffer(0) });
    return;
  }
  const data = new Uint8Array(bytes);
  readContent(source, manifest, chunkPlace(manifest, chunk).offset + offset, data);
  post({ type: 'piece', id, problem: '', data: data.buffer }, [data.buffer]);
}

function post(reply: DataReply, transfer: readonly ArrayBuffer[] = []): void {
  port!.postMessage(reply, [...transfer]);
}

const opening = open();
// In the order in which they come: nothing else is awaited.
port.on('message', (request: PieceRead) => {
  void opening.then((opened) => {
    if (opened !== null) read(opened, request);
  });
});
