import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { GANTRY } from '../gantry.js';
import type { PodRuntime, PodToRun, RunningPod } from './pod.js';

/** Runs the pods of one image as processes of this machine: their folders are elsewhere, and every name is the loopback. */
export class ProcessRuntime implements PodRuntime {
  readonly #image: string;
  /** What claims, Secrets and ConfigMaps hold. */
  readonly folder = mkdtempSync(join(tmpdir(), 'gantry-pods-'));
  readonly pids = new Set<number>();

  constructor(image: string) {
    this.#image = image;
  }

  hasImage(image: string): boolean {
    return image === this.#image;
  }

  async start(pod: PodToRun, onLine: (line: string) => void): Promise<RunningPod> {
    const { args, env } = pod.container;
    const here = this.#replacer(pod);
    const variables = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, here(value)]));
    const child = spawn(process.execPath, [GANTRY, ...args.map(here)], {
      env: { PATH: process.env.PATH, ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.pids.add(child.pid!);
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', onLine);
    const ended = new Promise<number>((resolve) => {
      child.on('close', (code, signal) => {
        this.pids.delete(child.pid!);
        resolve(code ?? (signal === 'SIGKILL' ? 137 : 143));
      });
    });
    const stop = (graceSeconds: number): void => {
      if (graceSeconds === 0) child.kill('SIGKILL');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceSeconds * 1000);
      void ended.then(() => clearTimeout(timer));
    };
    return { ended, stop };
  }

  async remove(): Promise<void> {
    for (const pid of this.pids) process.kill(pid, 'SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Lays out what is mounted, and says where. */
  #replacer({ name, container, contentsOf }: PodToRun): (text: string) => string {
    const paths = container.mounts.map((mount) => {
      const folder = join(this.folder, mount.kind === 'claim' ? mount.name : `${name}-${mount.name}`);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      for (const [file, content] of Object.entries(contentsOf(mount))) {
        writeFileSync(join(folder, file), content, { mode: 0o600 });
      }
      return [mount.path, folder] as const;
    });
    return (text) =>
      paths
        .reduce(
          (changed, [path, folder]) => changed.replaceAll(path, folder),
          text.replace(/^\/tmp(?=\/|$)/, this.folder),
        )
        .replace(/tcp:\/\/[^:/]+:(\d+)/, 'tcp://127.0.0.1:$1');
  }
}
