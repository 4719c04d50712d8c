import { GantryError } from '@gantry/common';
import type { ImageFile } from './list-images.js';

/** What an image's file says of it, turned upright. */
export interface ImageInfo {
  readonly width: number;
  readonly height: number;
  /** 1: grey, 3: colour; transparency does not count. */
  readonly channels: 1 | 3;
}

/** What every image is made into. */
export interface ImageForm extends ImageInfo {
  readonly fit: 'cover' | 'fill' | 'contain';
  readonly filter: 'lanczos3' | 'lanczos2' | 'mitchell' | 'cubic' | 'linear' | 'nearest';
}

/** The form that the options of `folder:PATH?size=28&channels=1` ask for, as far as they do. */
export function askedForm(options: Readonly<Record<string, string>>): Partial<ImageForm> {
  const [width, height = width] = (options.size ?? '').split('x').map(Number);
  return {
    ...(options.size === undefined ? {} : { width: width!, height: height! }),
    ...(options.channels === undefined ? {} : { channels: Number(options.channels) as 1 | 3 }),
    fit: (options.fit ?? 'cover') as ImageForm['fit'],
    filter: (options.filter ?? 'lanczos3') as ImageForm['filter'],
  };
}

/**
 * The form of all images: what was not asked for is what all of them have.
 * @throws GantryError GANTRY_DATASET_INVALID where they differ, saying what to write
 */
export function formOf(
  folder: string,
  asked: Partial<ImageForm>,
  files: readonly ImageFile[],
  infos: readonly ImageInfo[],
): ImageForm {
  const first = infos[0]!;
  const size = (info: ImageInfo) => `${info.width}x${info.height}`;
  if (asked.width === undefined) {
    const other = infos.findIndex((info) => size(info) !== size(first));
    if (other >= 0) {
      const what = { is: size(first), other: size(infos[other]!) };
      throw differing(folder, files, other, { ...what, remedy: `size=${sizeAdvice(infos)}` });
    }
  }
  if (asked.channels === undefined) {
    const other = infos.findIndex((info) => info.channels !== first.channels);
    const colour = (info: ImageInfo) => (info.channels === 1 ? 'grey' : 'in colour');
    if (other >= 0) {
      const what = { is: colour(first), other: colour(infos[other]!) };
      throw differing(folder, files, other, { ...what, remedy: 'channels=3, or channels=1 for grey' });
    }
  }
  return { ...first, ...asked } as ImageForm;
}

function differing(
  folder: string,
  files: readonly ImageFile[],
  other: number,
  { is, other: isNot, remedy }: { is: string; other: string; remedy: string },
): GantryError {
  return new GantryError(
    'GANTRY_DATASET_INVALID',
    `the images of ${folder} differ: ${files[0]!.path} is ${is}, ${files[other]!.path} is ${isNot}. ` +
      `Say what they are to become: folder:PATH?${remedy}`,
    { details: { file: files[other]!.path, folder } },
  );
}

/** A square as large as the smallest side, so that nothing is enlarged. */
function sizeAdvice(infos: readonly ImageInfo[]): number {
  return infos.reduce((least, { width, height }) => Math.min(least, width, height), Number.POSITIVE_INFINITY);
}
