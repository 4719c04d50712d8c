import fs from 'node:fs';
import path from 'node:path';
import { GantryError } from '../errors.js';
import { fileError } from '../file-error.js';
import { allowListLine, parseAllowList, printAllowList } from './allow-list.js';
import { appendLines } from './append-lines.js';
import { invalidKeys, isKeyName, parseKeyFile, printKeyFile, type ServerKeys, type WorkerKeys } from './key-file.js';
import { generateKeyPair } from './key-pair.js';

const SERVER_FILE = 'server.key';
const SERVER_PUBLIC_FILE = 'server.pub';
const ALLOWED_FILE = 'allowed';
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
/** Permissions of group and others. */
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;
const GROUP_READ = 0o040;
const STICKY = 0o1000;
/** Far more than a key file has. */
const KEY_FILE_BYTES_MAX = 16 << 10;
/** Thousands of workers. */
const ALLOWED_BYTES_MAX = 1 << 20;

/** What a coordinator reads from the folder that `gantry keygen` made. */
export interface KeyFolder {
  readonly server: ServerKeys;
  /** The allow-list's path: it is read anew when it changes. */
  readonly allowedFile: string;
}

/** @throws GantryError GANTRY_KEYS_INVALID: missing, no keys, or open to others. */
export function readKeyFolder(folder: string): KeyFolder {
  const file = path.join(folder, SERVER_FILE);
  if (!isFolder(folder)) invalidKeys(folder, `is no folder of keys; make one with npx gantry keygen --out ${folder}`);
  refuseOpenFolder(folder, [file, path.join(folder, ALLOWED_FILE)]);
  const server = parseKeyFile(file, readGuarded(file, OTHERS, KEY_FILE_BYTES_MAX), 'server');
  return { server, allowedFile: path.join(folder, ALLOWED_FILE) };
}

/** @throws GantryError GANTRY_KEYS_INVALID: missing, no worker's key, or readable by others. */
export function readWorkerKeys(file: string): WorkerKeys {
  return parseKeyFile(file, readGuarded(file, OTHERS, KEY_FILE_BYTES_MAX), 'worker');
}

/** Others may read it, as it holds no secret, and may not write it. @throws GantryError GANTRY_KEYS_INVALID */
export function readAllowList(file: string): ReturnType<typeof parseAllowList> {
  return parseAllowList(file, readGuarded(file, OTHERS_WRITE, ALLOWED_BYTES_MAX));
}

/**
 * Makes the keys of a coordinator and its workers: `server.key`, `server.pub`, `NAME.key` each, `allowed`. With `add`, the
 * folder has a server's key already, and workers are added. No key is ever replaced, and none is left behind by a failure.
 *
 * @returns the workers' files
 * @throws GantryError GANTRY_USAGE, GANTRY_KEYS_INVALID, GANTRY_FILE_FAILED, GANTRY_DISK_FULL
 */
export function writeKeyFolder(folder: string, workers: readonly string[], options: { add: boolean }): string[] {
  checkNames(workers);
  const file = (name: string): string => path.join(folder, name);
  refuseExisting(folder, workers, options.add);
  const server: ServerKeys = options.add ? readKeyFolder(folder).server : { kind: 'server', ...generateKeyPair() };
  const keys = workers.map((name): WorkerKeys => {
    return { kind: 'worker', name, ...generateKeyPair(), serverKey: server.publicKey };
  });
  const files = new NewFiles();
  try {
    if (!options.add) {
      fs.mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
      fs.chmodSync(folder, FOLDER_MODE);
      files.write(file(SERVER_FILE), printKeyFile(server));
      files.write(file(SERVER_PUBLIC_FILE), `${server.publicKey}\n`);
      files.write(file(ALLOWED_FILE), printAllowList(new Map(keys.map(({ publicKey, name }) => [publicKey, name]))));
    }
    for (const worker of keys) files.write(file(`${worker.name}.key`), printKeyFile(worker));
    // Last: who is admitted has a key file by then, and a key that nobody lists admits nobody.
    if (options.add)
      appendLines(file(ALLOWED_FILE), keys.map(({ name, publicKey }) => allowListLine(name, publicKey)).join(''));
  } catch (error) {
    files.remove();
    throw fileError(folder, error);
  }
  return workers.map((name) => file(`${name}.key`));
}

function checkNames(workers: readonly string[]): void {
  const wrong = workers.find((name) => !isKeyName(name));
  if (wrong !== undefined) {
    const message = `${JSON.stringify(wrong)} cannot be a worker's name here: letters, digits and . _ - (at most 64), and not "server"`;
    throw new GantryError('GANTRY_USAGE', message);
  }
  // Some file systems take A.key and a.key for the same.
  const twice = workers.find((name, index) =>
    workers.some((other, at) => at < index && other.toLowerCase() === name.toLowerCase()),
  );
  if (twice !== undefined) throw new GantryError('GANTRY_USAGE', `the worker ${twice} is named twice`);
}

function refuseExisting(folder: string, workers: readonly string[], add: boolean): void {
  const inside = isFolder(folder) ? fs.readdirSync(folder) : [];
  if (!add && inside.includes(SERVER_FILE)) {
    invalidKeys(folder, 'has keys already, and none is ever replaced: add workers with --add, or use another --out');
  }
  if (!add && (inside.length > 0 || (fs.existsSync(folder) && !isFolder(folder)))) {
    invalidKeys(folder, 'is not an empty folder: use another --out');
  }
  const allowed = path.join(folder, ALLOWED_FILE);
  const known = new Set(add ? readAllowList(allowed).values() : []);
  const listed = workers.find((name) => known.has(name));
  if (listed !== undefined) invalidKeys(allowed, `has a worker ${listed} already: choose another name`);
  const taken = workers.find((name) => inside.includes(`${name}.key`));
  if (taken === undefined) return;
  // Not put on the list: it may be that of somebody who was taken off.
  const problem = `exists already, and ${ALLOWED_FILE} does not list it; no key is ever replaced`;
  invalidKeys(path.join(folder, `${taken}.key`), `${problem}: delete it if nobody needs it, or choose another name`);
}

function isFolder(folder: string): boolean {
  return fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Files that did not exist before, and do not after a failure: half a folder of keys would stand in the way of the next try. */
class NewFiles {
  readonly #made: string[] = [];

  write(file: string, text: string): void {
    const descriptor = fs.openSync(file, 'wx', FILE_MODE);
    this.#made.push(file);
    try {
      fs.writeFileSync(descriptor, text);
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  }

  remove(): void {
    for (const file of this.#made.splice(0)) {
      try {
        fs.rmSync(file, { force: true });
      } catch {
        // Why they are removed says more.
      }
    }
  }
}

/** What was checked is what is read: one descriptor for both. */
function readGuarded(file: string, forbidden: number, bytesMax: number): string {
  let descriptor: number;
  try {
    descriptor = fs.openSync(file, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const hint = code === 'ENOENT' ? 'does not exist; make keys with gantry keygen' : `cannot be read (${code})`;
    return invalidKeys(file, hint, cause);
  }
  try {
    const stat = fs.fstatSync(descriptor);
    if (!stat.isFile()) invalidKeys(file, 'is not a file; name the file, not its folder');
    refuseOthers(file, stat.mode, isGivenByRoot(stat) ? forbidden & ~GROUP_READ : forbidden, 'chmod 600');
    if (stat.size > bytesMax) invalidKeys(file, `has ${stat.size} bytes, at most ${bytesMax} are read`);
    const bytes = Buffer.alloc(bytesMax);
    return bytes.toString('utf8', 0, fs.readSync(descriptor, bytes, 0, bytesMax, 0));
  } finally {
    fs.closeSync(descriptor);
  }
}

/**
 * Root's own files may be readable by a group, through which root gives them to a process that is nobody else's: Kubernetes
 * mounts secrets so. (PostgreSQL has the same rule for its keys.) Where this process is root, it needs no group.
 */
function isGivenByRoot({ uid }: fs.Stats): boolean {
  return uid === 0 && process.geteuid?.() !== 0;
}

/**
 * Others may not write to it; or they may, as in /tmp, but it is root's, as are its files, which then nobody else can change or
 * replace: so Kubernetes mounts secrets.
 */
function refuseOpenFolder(folder: string, files: readonly string[]): void {
  const { uid, mode } = fs.statSync(folder);
  const isRoots = (file: string): boolean =>
    [fs.lstatSync, fs.statSync].every((stat) => stat(file, { throwIfNoEntry: false })?.uid === 0);
  if (uid === 0 && (mode & STICKY) !== 0 && files.every(isRoots)) return;
  refuseOthers(folder, mode, OTHERS_WRITE, 'chmod 700');
}

function refuseOthers(file: string, mode: number, forbidden: number, remedy: string): void {
  if (process.platform === 'win32' || (mode & forbidden) === 0) return;
  const what = forbidden === OTHERS ? 'read or changed' : 'changed';
  invalidKeys(file, `can be ${what} by others (mode ${(mode & 0o777).toString(8)}); say ${remedy} ${file}`);
}
