import path from 'node:path';

interface File {
  content: Buffer;
  synced: Buffer;
}

/** Names: as processes see them, and as they were when the folder was last synced. */
interface Folder {
  names: Map<string, File | Folder>;
  synced: Map<string, File | Folder>;
}

/** What is left when a process has ended in the middle of its work. */
export const ENDINGS = [
  'it is killed',
  'only what is synced is left',
  'names are left, of contents what is synced',
] as const;
export type Ending = (typeof ENDINGS)[number];

function isFolder(node: File | Folder): node is Folder {
  return 'names' in node;
}

function newFolder(): Folder {
  return { names: new Map(), synced: new Map() };
}

/** What a sync does that is not done: it says so, or it does not. */
export type SyncFault = 'fails' | 'lies';

/**
 * A file system in memory, in place of `node:fs/promises`: its user ends at whichever call is wished, and the power fails
 * then or not. POSIX promises no more: contents last from a file's sync on, names from their folder's.
 */
export class FaultyFiles {
  #root = newFolder();
  #calls = 0;
  #endsAt = Number.POSITIVE_INFINITY;
  #onEnd: () => void = () => {};
  #syncs = 0;
  #syncFault: { readonly kind: SyncFault; readonly from: number; readonly to: number } | null = null;

  /** Runs `work`, of which nothing happens any more from call `endsAt` on. Returns whether it came to its end. */
  async run(work: () => Promise<unknown>, endsAt = Number.POSITIVE_INFINITY): Promise<boolean> {
    this.#calls = 0;
    this.#syncs = 0;
    this.#endsAt = endsAt;
    const ended = new Promise<boolean>((resolve) => {
      this.#onEnd = () => resolve(false);
    });
    return Promise.race([ended, work().then(() => true)]);
  }

  /** Calls of the last run. */
  get calls(): number {
    return this.#calls;
  }

  /** Syncs of the last run, of files and of folders. */
  get syncs(): number {
    return this.#syncs;
  }

  /** Of what runs next, the syncs `from` to `to`, counted from 1, do nothing. */
  breakSyncs(kind: SyncFault, from: number, to = from): void {
    this.#syncFault = { kind, from, to };
  }

  mendSyncs(): void {
    this.#syncFault = null;
  }

  end(ending: Ending): void {
    if (ending !== 'it is killed') this.#lose(this.#root, ending === 'only what is synced is left');
    this.settle();
  }

  /** Everything is on the disk. */
  settle(node: File | Folder = this.#root): void {
    if (!isFolder(node)) {
      node.synced = node.content;
      return;
    }
    node.synced = new Map(node.names);
    for (const child of node.names.values()) this.settle(child);
  }

  /** What `node:fs/promises` exports, as far as it is used. */
  readonly module = {
    open: (file: string, flags: string) => this.#call(() => this.#open(file, flags)),
    mkdir: (folder: string) => this.#call(() => this.#makeFolder(folder)),
    readdir: (folder: string) => this.#call(() => [...this.#folder(folder).names.keys()].sort()),
    readFile: (file: string, encoding?: BufferEncoding) => this.#call(() => this.#read(file, encoding)),
    stat: (file: string) => this.#call(() => ({ size: this.#file(file).content.length })),
    rename: (from: string, to: string) => this.#call(() => this.#rename(from, to)),
    rm: (target: string) => this.#call(() => void this.#parent(target).names.delete(path.basename(target))),
  };

  /** A process that has ended waits for good. `torn`: what its last call has done. */
  #call<T>(action: () => T, torn: () => void = () => {}): Promise<T> {
    this.#calls++;
    if (this.#calls < this.#endsAt) return new Promise((resolve) => resolve(action()));
    if (this.#calls === this.#endsAt) torn();
    this.#onEnd();
    return new Promise(() => {});
  }

  #open(file: string, flags: string) {
    const { names } = this.#parent(file);
    const name = path.basename(file);
    if (flags === 'wx') names.set(name, { content: Buffer.alloc(0), synced: Buffer.alloc(0) });
    const node = names.get(name) ?? missing(file);
    return isFolder(node) ? this.#folderHandle(node) : this.#fileHandle(node);
  }

  #folderHandle(folder: Folder) {
    const sync = (): void => {
      folder.synced = new Map(folder.names);
    };
    return { sync: () => this.#call(() => this.#sync(sync)), close: () => this.#call(() => {}) };
  }

  #fileHandle(file: File) {
    const append = (bytes: Uint8Array): void => {
      file.content = Buffer.concat([file.content, bytes]);
    };
    const write = (bytes: Uint8Array) =>
      this.#call(
        () => append(bytes),
        () => append(bytes.subarray(0, bytes.length >> 1)),
      );
    const sync = (): void => {
      file.synced = file.content;
    };
    return {
      write: async (bytes: Uint8Array, at = 0, length = bytes.length) => {
        await write(bytes.slice(at, at + length));
        return { bytesWritten: length };
      },
      writeFile: (content: string | Uint8Array) => write(Buffer.from(content as string)),
      read: (into: Uint8Array, at: number, length: number, position: number) =>
        this.#call(() => ({ bytesRead: file.content.copy(into, at, position, position + length) })),
      stat: () => this.#call(() => ({ size: file.content.length })),
      sync: () => this.#call(() => this.#sync(sync)),
      close: () => this.#call(() => {}),
    };
  }

  #sync(action: () => void): void {
    const count = ++this.#syncs;
    const fault = this.#syncFault;
    if (fault === null || count < fault.from || count > fault.to) action();
    else if (fault.kind === 'fails') throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
  }

  #read(file: string, encoding?: BufferEncoding): string | Buffer {
    const { content } = this.#file(file);
    return encoding === undefined ? Buffer.from(content) : content.toString(encoding);
  }

  #makeFolder(folder: string): void {
    let at = this.#root;
    for (const name of partsOf(folder)) {
      const next = at.names.get(name) ?? newFolder();
      at.names.set(name, next);
      at = next as Folder;
    }
  }

  #rename(from: string, to: string): void {
    const source = this.#parent(from).names;
    const node = source.get(path.basename(from)) ?? missing(from);
    source.delete(path.basename(from));
    this.#parent(to).names.set(path.basename(to), node);
  }

  #lose(node: File | Folder, withNames: boolean): void {
    if (!isFolder(node)) {
      node.content = node.synced;
      return;
    }
    if (withNames) node.names = new Map(node.synced);
    for (const child of node.names.values()) this.#lose(child, withNames);
  }

  #file(file: string): File {
    const node = this.#parent(file).names.get(path.basename(file));
    return node === undefined || isFolder(node) ? missing(file) : node;
  }

  #parent(target: string): Folder {
    return this.#folder(path.dirname(target));
  }

  #folder(folder: string): Folder {
    let at: File | Folder | undefined = this.#root;
    for (const name of partsOf(folder)) at = at !== undefined && isFolder(at) ? at.names.get(name) : undefined;
    return at === undefined || !isFolder(at) ? missing(folder) : at;
  }
}

function partsOf(folder: string): string[] {
  return folder.split(path.sep).filter((part) => part !== '');
}

function missing(file: string): never {
  throw Object.assign(new Error(`ENOENT: ${file}`), { code: 'ENOENT' });
}
