export { defaultCacheDirectory } from './cache.js';
export {
  type ChunkPlace,
  chunkCount,
  chunkPlace,
  chunksOfSample,
  readContent,
  sampleChunkCount,
  totalBytes,
} from './content.js';
export { encodeIdx, type IdxArray, readIdx } from './idx.js';
export { ShardLoader, type ShardLoaderOptions } from './loader.js';
export { CHUNK_BYTES, type Conversion, type DatasetManifest, type SampleValues } from './manifest.js';
export { imageDecoder, type OpenDatasetOptions, openDataset, prepareDataset } from './open-dataset.js';
export { EpochOrder, sampleAt } from './order.js';
export { parseDatasetManifest } from './parse-manifest.js';
export type { ConversionProgress, OnProgress } from './progress.js';
export {
  createMemorySource,
  type DataSource,
  type MemorySourceOptions,
  type Split,
  sampleBytes,
  sampleLength,
} from './source.js';
export { createStreamedSource, type StreamedMemory } from './streamed-source.js';
export type { TableSchema } from './table/schema.js';
export { csvLine, decodeRow, rowWidth, usedColumns } from './table/transform.js';
export { bytesOf, floatsOf, readFloats, readPicture } from './values.js';
