import { crc32 } from 'node:zlib';
import { type Entry, fromBufferPromise, type ZipFile } from 'yauzl';
import { invalidFile } from '../data-file.js';

/** Arrays of one file: far above what anyone saves together. */
const ENTRIES_MAX = 4096;
/** Deflate makes at most 1032 bytes of one; what claims more is a bomb. */
const DEFLATE_RATIO_MAX = 1032;

/** A .npz file: a zip archive with a .npy file for each array. */
export interface NpzFile {
  /** Names of the arrays, without the `.npy`, in the file's order. */
  readonly names: readonly string[];
  /** The bytes of one array's .npy file, checked by their CRC-32. */
  read(name: string): Promise<Buffer>;
}

/**
 * Opens the bytes of a .npz file.
 * @param path for messages
 * @throws GantryError GANTRY_DATASET_INVALID, also from `read`
 */
export async function openNpz(path: string, bytes: Buffer): Promise<NpzFile> {
  const entries = new Map<string, Entry>();
  const zip = await guarded(path, async () => {
    const file = await fromBufferPromise(bytes, { validateEntrySizes: true });
    for await (const entry of file.eachEntry()) addEntry(path, entries, entry);
    return file;
  });
  if (entries.size === 0) throw invalidFile(path, null, 'a zip archive with .npy files', 'one without any');
  return {
    names: [...entries.keys()],
    read: (name) => guarded(path, () => readEntry(path, zip, entries.get(name)!, bytes.length)),
  };
}

function addEntry(path: string, entries: Map<string, Entry>, entry: Entry): void {
  const name = entry.fileName.replace(/\.npy$/, '');
  const shown = JSON.stringify(entry.fileName.slice(0, 80));
  if (name === entry.fileName) throw invalidFile(path, null, 'nothing but .npy files in the archive', shown);
  if (entries.has(name)) throw invalidFile(path, null, 'every name once in the archive', `${shown} twice`);
  if (entries.size >= ENTRIES_MAX) throw invalidFile(path, null, `at most ${ENTRIES_MAX} arrays`, 'more');
  entries.set(name, entry);
}

async function readEntry(path: string, zip: ZipFile, entry: Entry, fileBytes: number): Promise<Buffer> {
  const { uncompressedSize, compressedSize, fileName } = entry;
  if (compressedSize > fileBytes || uncompressedSize > compressedSize * DEFLATE_RATIO_MAX + DEFLATE_RATIO_MAX) {
    const found = `${uncompressedSize} of ${compressedSize} packed ones`;
    throw invalidFile(path, null, `a size that ${fileName} can have`, `${found} in a file of ${fileBytes}`);
  }
  const stream = await zip.openReadStreamPromise(entry);
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  const bytes = Buffer.concat(parts);
  const sum = crc32(bytes);
  if (sum !== entry.crc32) {
    throw invalidFile(path, null, `the CRC-32 ${hex(entry.crc32)} of ${fileName}`, `${hex(sum)}: the file is damaged`);
  }
  return bytes;
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

/** Whatever is wrong with the archive, as an error that names it. */
async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if ((cause as Error).name === 'GantryError') throw cause;
    const { message } = cause as Error;
    throw invalidFile(path, null, 'a whole zip archive, as numpy.savez writes it', message.slice(0, 200), cause);
  }
}
