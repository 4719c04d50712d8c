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
export { CHUNK_BYTES, type DatasetManifest } from './manifest.js';
export { checkDataset, DATASET_NAMES, type OpenDatasetOptions, openDataset } from './open-dataset.js';
export { EpochOrder, sampleAt } from './order.js';
export { parseDatasetManifest } from './parse-manifest.js';
export { createMemorySource, type DataSource, type MemorySourceOptions, type Split } from './source.js';
export { defaultCacheDirectory } from './sources/fashion-mnist.js';
export { createStreamedSource, type StreamedMemory } from './streamed-source.js';
