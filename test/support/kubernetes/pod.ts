import { containerOf, type PodContainer, type PodMount, type PodTemplate } from '../pods.js';
import type { Store, Stored } from './store.js';

/** A container that runs. */
export interface RunningPod {
  /** Its exit code. */
  readonly ended: Promise<number>;
  /** SIGTERM, and SIGKILL once it has had its time. */
  stop(graceSeconds: number): void;
}

export interface PodToRun {
  readonly name: string;
  /** Name of the Service that leads to it, if one does. */
  readonly service: string | null;
  readonly container: PodContainer;
  /** What a Secret or a ConfigMap holds, by file. */
  contentsOf(mount: PodMount): Readonly<Record<string, Buffer>>;
}

/** What runs pods: processes, or containers. */
export interface PodRuntime {
  /** Whether it has this image. */
  hasImage(image: string): boolean;
  start(pod: PodToRun, onLine: (line: string) => void): Promise<RunningPod>;
  remove(): Promise<void>;
}

const RESTART_MS = 200;

/** A pod and its container, which is started again until it ends well. */
export class Pod {
  readonly name: string;
  readonly index: number | null;
  /** Of the container that runs now, with the time in front. */
  lines: string[] = [];
  readonly ended: Promise<void>;
  readonly #store: Store;
  readonly #runtime: PodRuntime;
  readonly #template: PodTemplate;
  #running: RunningPod | null = null;
  #deleted = false;
  #restarts = 0;
  #line = 0;

  constructor(job: Stored, index: number | null, parts: { name: string; store: Store; runtime: PodRuntime }) {
    this.name = parts.name;
    this.index = index;
    this.#store = parts.store;
    this.#runtime = parts.runtime;
    this.#template = job.spec.template as PodTemplate;
    const { labels, annotations } = job.spec.template.metadata;
    const owner = { 'batch.kubernetes.io/job-name': job.metadata.name };
    const metadata = {
      name: this.name,
      namespace: job.metadata.namespace,
      labels: { ...labels, ...owner },
      annotations,
    };
    const status = { phase: 'Pending', containerStatuses: [{ state: { waiting: { reason: 'ContainerCreating' } } }] };
    this.#store.create('pods', { apiVersion: 'v1', kind: 'Pod', metadata, spec: job.spec.template.spec, status });
    this.ended = this.#run();
  }

  get container(): PodContainer {
    return containerOf(this.#template, this.index ?? undefined);
  }

  get isWaiting(): boolean {
    return this.#store.get('pods', this.name)?.status.containerStatuses[0].state.waiting !== undefined;
  }

  /** SIGKILL, as by the kernel. */
  kill(): void {
    this.#running?.stop(0);
  }

  /** Ends it for good, and then there is none. */
  async delete(): Promise<void> {
    this.#deleted = true;
    const pod = this.#store.get('pods', this.name)!;
    this.#store.replace('pods', { ...pod, metadata: { ...pod.metadata, deletionTimestamp: new Date().toISOString() } });
    this.#running?.stop(this.container.graceSeconds);
    await this.ended;
    this.#store.delete('pods', this.name);
  }

  async #run(): Promise<void> {
    while (!this.#deleted) {
      const why = this.#unstartable();
      if (why !== null) {
        this.#tell('Pending', { waiting: why });
        await this.#store.changed();
        continue;
      }
      const exitCode = await this.#runOnce();
      const terminated = { terminated: { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error' } };
      if (exitCode === 0 || this.#deleted) {
        this.#tell(exitCode === 0 ? 'Succeeded' : 'Failed', terminated);
        return;
      }
      this.#restarts++;
      this.#tell('Running', { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } }, terminated);
      await new Promise((resolve) => setTimeout(resolve, RESTART_MS));
    }
  }

  async #runOnce(): Promise<number> {
    this.lines = [];
    const { store } = { store: this.#store };
    const labels = this.#template as unknown as { metadata: { labels: Readonly<Record<string, string>> } };
    const leads = ({ spec }: Stored): boolean =>
      Object.entries(spec.selector as object).every(([key, value]) => labels.metadata.labels[key] === value);
    const pod: PodToRun = {
      name: this.name,
      service: store.list('services', leads)[0]?.metadata.name ?? null,
      container: this.container,
      contentsOf: (mount) => contentsOf(store, mount),
    };
    this.#running = await this.#runtime.start(pod, (line) => this.#say(line));
    if (this.#deleted) this.#running.stop(0);
    this.#tell('Running', { running: { startedAt: new Date().toISOString() } });
    return this.#running.ended;
  }

  #unstartable(): object | null {
    const { image, mounts } = this.container;
    if (!this.#runtime.hasImage(image))
      return { reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}"` };
    const isMissing = ({ kind, name }: PodMount): boolean => this.#store.get(RESOURCE[kind], name) === undefined;
    return mounts.some(isMissing) ? { reason: 'ContainerCreating' } : null;
  }

  /** Times are of one clock, and no two lines have the same. */
  #say(line: string): void {
    const at = new Date().toISOString().replace('Z', `${String(++this.#line % 1e6).padStart(6, '0')}Z`);
    this.lines.push(`${at} ${line}`);
    // Whoever follows is told.
    const pod = this.#store.get('pods', this.name);
    if (pod !== undefined) this.#store.replace('pods', pod);
  }

  #tell(phase: string, state: object, lastState: object = {}): void {
    const pod = this.#store.get('pods', this.name);
    if (pod === undefined) return;
    const containerStatuses = [{ state, lastState, restartCount: this.#restarts }];
    if (JSON.stringify(pod.status) === JSON.stringify({ phase, containerStatuses })) return;
    this.#store.replace('pods', { ...pod, status: { phase, containerStatuses } });
  }
}

const RESOURCE = { secret: 'secrets', configMap: 'configmaps', claim: 'persistentvolumeclaims' } as const;

function contentsOf(store: Store, { kind, name }: PodMount): Readonly<Record<string, Buffer>> {
  const data = (store.get(RESOURCE[kind], name)?.data ?? {}) as Readonly<Record<string, string>>;
  const encoding = kind === 'secret' ? 'base64' : 'utf8';
  return Object.fromEntries(Object.entries(data).map(([file, text]) => [file, Buffer.from(text, encoding)]));
}
