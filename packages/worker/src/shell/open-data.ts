import { join } from 'node:path';
import {
  type DatasetAnswer,
  type DatasetQuery,
  type ErrorCode,
  GantryError,
  type Logger,
  type RunConfig,
} from '@gantry/common';
import {
  type DataSource,
  type DatasetManifest,
  defaultCacheDirectory,
  openDataset,
  parseDatasetManifest,
  sampleChunkCount,
} from '@gantry/data';
import { DATA_MEMORY_BYTES, OPENING_BEAT_MS } from '../constants.js';
import type { DataMode } from '../core/worker-options.js';
import { type DataChannel, StreamedSource } from './streamed-source.js';

export interface OpenDataOptions {
  readonly config: Pick<RunConfig, 'dataset' | 'batch'>;
  readonly mode: DataMode;
  /** Null: {@link DATA_MEMORY_BYTES}. */
  readonly memoryBytes: number | null;
  readonly channel: DataChannel & {
    queryDataset(query: DatasetQuery): Promise<DatasetAnswer>;
    notice(text: string): void;
  };
  /** Called from time to time while the coordinator opens the data set. */
  readonly onOpening: () => void;
  /** See {@link StreamedSource}. */
  readonly onWait: () => void;
  readonly logger: Logger;
}

export interface OpenedData {
  readonly source: DataSource;
  /** Null: the worker reads the data itself. */
  readonly streamed: StreamedSource | null;
}

/** What the worker has itself. */
type Own = { readonly source: DataSource } | { readonly error: GantryError } | null;

/** What another machine may have in its place. */
const REPLACEABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'GANTRY_DATASET_NOT_FOUND',
  'GANTRY_DATASET_INVALID',
  'GANTRY_FILE_FAILED',
]);

/**
 * Where the samples come from. `local`: from this machine, as the configuration names them. `auto`: the same if the coordinator's
 * data set has the same manifest; where this machine has none, or another one, from the coordinator. `stream`: from there in any
 * case. Which of these it is, and why, is logged, and told by the coordinator.
 *
 * @throws GantryError GANTRY_DATASET_NOT_FOUND, GANTRY_DATASET_INVALID of this machine where nobody else has the data
 */
export async function openData(options: OpenDataOptions): Promise<OpenedData> {
  const { config, mode, logger } = options;
  const own = mode === 'stream' ? null : await openOwn(config.dataset);
  if (mode === 'local') return local(own);
  const query = queryOf(own);
  const { manifestJson, problem } = await whileOpening(options, query);
  if (problem !== '') {
    if (own !== null && 'source' in own) return local(own);
    throw nobodyHas(config.dataset, own, problem);
  }
  if (manifestJson === '') return local(own);
  const manifest = parseDatasetManifest(manifestJson);
  logger.log('info', 'data set from the coordinator', { dataset: manifest.id, reason: query.reason });
  const streamed = stream(options, manifest);
  return { source: streamed.source, streamed };
}

async function openOwn(dataset: string): Promise<Own> {
  try {
    return { source: await openDataset(dataset, { split: 'train' }) };
  } catch (error) {
    if (error instanceof GantryError && REPLACEABLE.has(error.code)) return { error };
    throw error;
  }
}

function local(own: Own): OpenedData {
  if (own !== null && 'source' in own) return { source: own.source, streamed: null };
  throw own?.error ?? new GantryError('GANTRY_PROTOCOL_INVALID', 'the coordinator says that the data set is here');
}

function queryOf(own: Own): DatasetQuery {
  const query = (heldSha256: string, reason: string): DatasetQuery => ({
    kind: 'datasetQuery',
    heldSha256,
    reason: reason.slice(0, 1_000),
  });
  if (own === null) return query('', 'GANTRY_DATA=stream');
  if ('error' in own) return query('', own.error.message);
  const { id, manifest } = own.source;
  const { sha256 } = manifest();
  return query(sha256, `${id} is another data set there (SHA-256 ${sha256.slice(0, 12)})`);
}

/** A large one takes the coordinator long to read, and this worker is no less alive. */
async function whileOpening({ channel, onOpening }: OpenDataOptions, query: DatasetQuery): Promise<DatasetAnswer> {
  const timer = setInterval(onOpening, OPENING_BEAT_MS);
  try {
    return await channel.queryDataset(query);
  } finally {
    clearInterval(timer);
  }
}

function nobodyHas(dataset: string, own: Own, problem: string): GantryError {
  const here = own === null || 'source' in own ? '' : `${own.error.message}; `;
  return new GantryError(
    'GANTRY_DATASET_NOT_FOUND',
    `${here}${dataset} does not come from the coordinator either: ${problem}. It has to be on the coordinator's machine, or on this one`,
    { details: { dataset } },
  );
}

function stream(options: OpenDataOptions, manifest: DatasetManifest): StreamedSource {
  const { channel, onWait } = options;
  const samplePlaces = placesFor(options, manifest);
  const cacheFolder = join(defaultCacheDirectory(), 'chunks');
  try {
    return new StreamedSource({ manifest, samplePlaces, cacheFolder, channel, onWait });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const message = `there is no memory for ${samplePlaces} MiB of ${manifest.id}: set GANTRY_DATA_MEMORY to fewer MiB`;
    throw new GantryError('GANTRY_USAGE', message, { cause });
  }
}

/** As many chunks as memory may hold, all of them if they fit; and those of one batch, whatever shards this worker will own. */
function placesFor({ config, memoryBytes, channel }: OpenDataOptions, manifest: DatasetManifest): number {
  const { sampleBytes, chunkBytes, id } = manifest;
  const all = sampleChunkCount(manifest);
  const allowed = Math.floor((memoryBytes ?? DATA_MEMORY_BYTES) / chunkBytes);
  const needed = Math.min(all, config.batch * (Math.ceil(sampleBytes / chunkBytes) + 1));
  if (allowed >= needed) return Math.min(all, allowed);
  const mib = Math.ceil((needed * chunkBytes) / 2 ** 20);
  channel.notice(
    `one batch of ${id} may lie in ${mib} MiB of chunks, which are more than GANTRY_DATA_MEMORY allows: they are taken`,
  );
  return needed;
}
