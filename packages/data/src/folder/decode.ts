import { GantryError } from '@gantry/common';
import sharp from 'sharp';
import type { ImageForm, ImageInfo } from './image-form.js';

/** What sharp may find in a file, whatever its name; documents that it could draw (SVG, PDF) are no data. */
const FORMATS: readonly string[] = ['png', 'jpeg', 'webp', 'gif', 'tiff', 'heif'];

/** Damage is an error; what decoders merely warn of, as many photographs on the web have it, is not. */
const READING = { failOn: 'error' } as const;

/** What decodes and resizes: other versions may give other pixels. */
export const DECODER = `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}`;

/**
 * What an image's file says of it.
 * @param path for messages
 * @throws GantryError GANTRY_DATASET_INVALID
 */
export async function inspectImage(path: string, bytes: Buffer): Promise<ImageInfo> {
  const { format, channels, autoOrient } = await decoding(path, () => sharp(bytes, READING).metadata());
  if (!FORMATS.includes(format)) {
    throw notDecoded(path, `it is ${format}, which is none of ${FORMATS.join(', ')}`);
  }
  return { ...autoOrient, channels: channels <= 2 ? 1 : 3 };
}

/**
 * The pixels [height, width, channels] of an image in a form: upright, the first frame, on black where it is transparent, 8 bit,
 * sRGB or grey, resized with the form's filter and no other before it.
 * @throws GantryError GANTRY_DATASET_INVALID
 */
export async function decodeImage(path: string, bytes: Buffer, form: ImageForm): Promise<Uint8Array> {
  const { width, height, channels, fit, filter } = form;
  return decoding(path, () =>
    sharp(bytes, READING)
      .autoOrient()
      .resize({ width, height, fit, kernel: filter, background: '#000', fastShrinkOnLoad: false })
      .flatten({ background: '#000' })
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw({ depth: 'uchar' })
      .toBuffer(),
  );
}

async function decoding<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw notDecoded(path, (cause as Error).message.split('\n')[0]!, cause);
  }
}

function notDecoded(path: string, why: string, cause?: unknown): GantryError {
  return new GantryError(
    'GANTRY_DATASET_INVALID',
    `${path} cannot be read as an image (${why}). Mend it, or remove it from the folder`,
    { cause, details: { file: path } },
  );
}
