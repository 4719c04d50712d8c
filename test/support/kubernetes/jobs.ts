import { Pod, type PodRuntime } from './pod.js';
import type { Store, Stored } from './store.js';

/** Makes the pods of jobs, as the controller of jobs does. */
export class Jobs {
  readonly #store: Store;
  readonly #runtime: PodRuntime;
  readonly #pods = new Map<string, Set<Pod>>();
  /** Indexes of a job that have ended well. */
  readonly #succeeded = new Map<string, Set<number>>();
  readonly #deleted = new Set<string>();
  #names = 0;

  constructor(store: Store, runtime: PodRuntime) {
    this.#store = store;
    this.#runtime = runtime;
  }

  pods(job?: string): Pod[] {
    return [...this.#pods].flatMap(([name, pods]) => (job === undefined || job === name ? [...pods] : []));
  }

  /** Makes what is missing, takes away what is too much. */
  reconcile({ metadata: { name } }: Pick<Stored, 'metadata'>): void {
    const job = this.#store.get('jobs', name);
    if (job === undefined || this.#deleted.has(job.metadata.uid)) return;
    const pods = this.#pods.get(name) ?? new Set();
    const succeeded = this.#succeeded.get(name) ?? new Set();
    this.#pods.set(name, pods);
    this.#succeeded.set(name, succeeded);
    const count = Number(job.spec.completions ?? 1);
    const indexed = job.spec.completionMode === 'Indexed';
    for (const pod of pods) if (indexed && pod.index! >= count) this.#remove(pods, pod);
    for (let index = 0; index < count; index++) {
      if (succeeded.has(index) || [...pods].some((pod) => (pod.index ?? 0) === index)) continue;
      pods.add(this.#make(job, indexed ? index : null));
    }
    const isComplete = succeeded.size >= count;
    const active = isComplete ? 0 : [...pods].length;
    const conditions = isComplete ? [{ type: 'Complete', status: 'True' }] : [];
    this.#store.replace('jobs', { ...job, status: { active, succeeded: succeeded.size, conditions } });
  }

  /** With all of its pods. */
  async delete(name: string): Promise<void> {
    const pods = [...(this.#pods.get(name) ?? [])];
    this.#deleted.add(this.#store.get('jobs', name)!.metadata.uid);
    this.#pods.delete(name);
    this.#succeeded.delete(name);
    await Promise.all(pods.map((pod) => pod.delete()));
    this.#store.delete('jobs', name);
  }

  /** Somebody else deletes a pod, as who drains a node does: another one takes its place unless it has ended well. */
  async evict(pod: Pod): Promise<void> {
    await pod.delete();
    for (const [name, pods] of this.#pods)
      if (pods.delete(pod)) this.reconcile({ metadata: { name } as Stored['metadata'] });
  }

  #make(job: Stored, index: number | null): Pod {
    const infix = index === null ? '' : `-${index}`;
    const name = `${job.metadata.name}${infix}-x${String(this.#names++).padStart(4, '0')}`;
    const pod = new Pod(job, index, { name, store: this.#store, runtime: this.#runtime });
    void pod.ended.then(() => {
      if (this.#store.get('pods', name)?.status.phase === 'Succeeded')
        this.#succeeded.get(job.metadata.name)?.add(index ?? 0);
      this.reconcile(job);
    });
    return pod;
  }

  #remove(pods: Set<Pod>, pod: Pod): void {
    pods.delete(pod);
    void pod.delete();
  }
}
