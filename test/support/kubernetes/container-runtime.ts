import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContainerNetwork, type Mount, type RunningContainer } from '../containers.js';
import type { PodMount } from '../pods.js';
import type { PodRuntime, PodToRun, RunningPod } from './pod.js';

/** Runs pods as containers, with files that belong to whom they belong to in Kubernetes. Only root can. */
export class ContainerRuntime implements PodRuntime {
  /** By pod: what runs now. */
  readonly containers = new Map<string, RunningContainer>();
  readonly #image: string;
  readonly #network: ContainerNetwork;
  /** What claims, Secrets and ConfigMaps hold. */
  readonly folder = mkdtempSync(join(tmpdir(), 'gantry-pods-'));

  private constructor(image: string, network: ContainerNetwork) {
    this.#image = image;
    this.#network = network;
    chmodSync(this.folder, 0o755);
  }

  static async create(image: string): Promise<ContainerRuntime> {
    return new ContainerRuntime(image, await ContainerNetwork.create());
  }

  hasImage(image: string): boolean {
    return image === this.#image;
  }

  async start(pod: PodToRun, onLine: (line: string) => void): Promise<RunningPod> {
    const { image, args, env, user, hostname, sharedMemoryBytes, mounts } = pod.container;
    const running = await this.#network.start({
      ...{ name: pod.service ?? pod.name, image, args, env, user, sharedMemoryBytes },
      ...(hostname === null ? {} : { hostname }),
      mounts: mounts.map((mount) => this.#mount(pod, mount)),
    });
    this.containers.set(pod.name, running);
    readLines(running, onLine);
    // One that has ended cannot be told anything.
    const kill = (signal: string): Promise<void> => running.kill(signal).catch(() => {});
    const stop = (graceSeconds: number): void => {
      void kill(graceSeconds === 0 ? 'SIGKILL' : 'SIGTERM');
      const timer = setTimeout(() => kill('SIGKILL'), graceSeconds * 1000);
      void running.finished.then(() => clearTimeout(timer));
    };
    // It stays until the network goes; who has ended answers to no name.
    const ended = running.finished.then(({ code }) => {
      this.containers.delete(pod.name);
      return code ?? 1;
    });
    return { ended, stop };
  }

  async remove(): Promise<void> {
    await this.#network.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #mount({ name, container, contentsOf }: PodToRun, mount: PodMount): Mount {
    const { kind, path, readOnly } = mount;
    const source = join(this.folder, kind === 'claim' ? mount.name : `${name}-${mount.name}`);
    mkdirSync(source, { recursive: true });
    for (const [file, content] of Object.entries(contentsOf(mount))) {
      rmSync(join(source, file), { force: true });
      writeFileSync(join(source, file), content);
      give(join(source, file), mount.mode ?? 0o644, container.fileGroup);
    }
    give(source, FOLDER_MODES[kind], container.fileGroup);
    return { source, target: path, writable: !readOnly };
  }
}

/** As kubelet makes them for pods with an fsGroup. */
const FOLDER_MODES = { secret: 0o3777, configMap: 0o3777, claim: 0o2775 } as const;

function give(path: string, mode: number, group: number): void {
  chownSync(path, 0, group);
  chmodSync(path, mode);
}

function readLines({ log }: RunningContainer, onLine: (line: string) => void): void {
  let rest = '';
  log.onText = (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) onLine(line);
  };
  log.onText(log.text);
}
