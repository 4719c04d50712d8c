import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A disk of its own size, in memory, that can be filled and emptied while a run writes to it. Needs root. */
export class SmallDisk {
  readonly path: string;
  readonly #filler: string;

  /** Null where file systems cannot be mounted. */
  static mount(path: string, megabytes: number): SmallDisk | null {
    mkdirSync(path, { recursive: true });
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'none', path], { stdio: 'ignore' });
      return new SmallDisk(path);
    } catch {
      return null;
    }
  }

  private constructor(path: string) {
    this.path = path;
    this.#filler = join(path, 'filler');
  }

  /** Not a byte is left. */
  fill(): void {
    const { bavail, bsize } = statfsSync(this.path);
    try {
      writeFileSync(this.#filler, Buffer.alloc(bavail * bsize + bsize));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  empty(): void {
    rmSync(this.#filler, { force: true });
  }

  /** Lazily: whoever still writes to it is none of the test's business. */
  unmount(): void {
    execFileSync('umount', ['-l', this.path], { stdio: 'ignore' });
  }
}

const GROUPS_V1 = '/sys/fs/cgroup/memory';
const GROUPS_V2 = '/sys/fs/cgroup';

/** A memory control group that lets its processes have nearly nothing more than they have: the kernel kills whoever asks. */
export class MemoryCage {
  readonly #folder: string;

  /** Whether this machine has control groups for memory at all. */
  static isKnownHere(): boolean {
    return isV1() || readText(join(GROUPS_V2, 'cgroup.subtree_control')).split(/\s+/).includes('memory');
  }

  /** Null where control groups cannot be made. */
  static make(name: string, bytes: number): MemoryCage | null {
    const [root, limit] = isV1() ? [GROUPS_V1, 'memory.limit_in_bytes'] : [GROUPS_V2, 'memory.max'];
    const folder = join(root, name);
    try {
      mkdirSync(folder);
    } catch {
      return null;
    }
    try {
      writeFileSync(join(folder, limit), String(bytes));
      return new MemoryCage(folder);
    } catch {
      rmdirSync(folder);
      return null;
    }
  }

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @returns whether it was there to be confined */
  confine(pid: number): boolean {
    try {
      writeFileSync(join(this.#folder, 'cgroup.procs'), String(pid));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      return false;
    }
  }

  /** How many of its processes the kernel has killed for memory. */
  get kills(): number {
    const told = readText(join(this.#folder, isV1() ? 'memory.oom_control' : 'memory.events'));
    return Number(/^oom_kill (\d+)$/m.exec(told)?.[1] ?? 0);
  }

  /** When its processes have ended; the kernel takes a moment to notice. */
  async remove(): Promise<void> {
    for (let waited = 0; ; waited += 20) {
      try {
        rmdirSync(this.#folder);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || waited > 10_000) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
}

function isV1(): boolean {
  return existsSync(join(GROUPS_V1, 'memory.limit_in_bytes'));
}

/** Empty: there is no such file. */
function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
