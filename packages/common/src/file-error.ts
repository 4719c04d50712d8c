import { GantryError } from './errors.js';

/** Errno codes that mean: no room. */
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Why a file cannot be written, and what a person can do besides naming another place. */
const REASONS: Readonly<Record<string, readonly [reason: string, remedy?: string]>> = {
  EACCES: ['permission denied', 'change who may write there'],
  EPERM: ['the system does not allow it', 'change who may write there'],
  EROFS: ['the file system is read-only'],
  ENOENT: ['its folder does not exist, or takes no files'],
  ENOTDIR: ['a part of its path is a file, not a folder'],
  EISDIR: ['it is a folder, not a file'],
  EEXIST: ['there is something else of that name already', 'move that away'],
  ENOTEMPTY: ['there is a folder of that name that is not empty', 'move that away'],
  ENAMETOOLONG: ['the name is too long'],
  ELOOP: ['its path has too many symbolic links'],
  EBUSY: ['it is in use', 'end what uses it'],
  ETXTBSY: ['it is a program that runs', 'end that'],
  EMFILE: ['this process has too many open files', 'raise the limit (ulimit -n)'],
  ENFILE: ['the machine has too many open files', 'end what holds them'],
  EIO: ['the disk failed', 'look into the log of the machine'],
};

/**
 * What went wrong with a file, as an error that names it: GANTRY_DISK_FULL where there is no room, GANTRY_FILE_FAILED where
 * the system refuses, GANTRY_INTERNAL for what is no answer of the system. A GantryError stays as it is.
 *
 * @param options.flag The option that names another place. @default '--out'
 */
export function fileError(file: string, cause: unknown, options: { flag?: string } = {}): GantryError {
  if (cause instanceof GantryError) return cause;
  const { flag = '--out' } = options;
  const { code: errno = '', message } = cause as NodeJS.ErrnoException;
  const details = { file, errno };
  if (FULL.has(errno)) {
    const text = `no room to write ${file} (${errno}); free some space, or use another ${flag}`;
    return new GantryError('GANTRY_DISK_FULL', text, { cause, details });
  }
  // Errors of the system carry names of this form; those of Node itself begin with ERR_.
  if (!/^E[A-Z0-9]+$/.test(errno)) {
    return new GantryError('GANTRY_INTERNAL', `cannot write ${file}: ${message}`, { cause, details });
  }
  const [reason, remedy] = REASONS[errno] ?? [message];
  const what = remedy === undefined ? `use another ${flag}` : `${remedy}, or use another ${flag}`;
  return new GantryError('GANTRY_FILE_FAILED', `cannot write ${file}: ${reason}; ${what}`, { cause, details });
}
