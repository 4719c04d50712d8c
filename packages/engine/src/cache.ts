import { createHash } from 'node:crypto';
import {
  createSession,
  createSessionSync,
  type OrtSession,
  RUNTIME_VERSION,
  type SessionSettings,
} from './engines/onnx-session.js';

/**
 * Hash of what a compiled program is: its model (graph, shapes, constants), the provider and the runtime's version. Two
 * programs of one hash compute the same; names of layers, threads and device numbers do not count.
 */
export function programHash(model: Uint8Array, provider: string): string {
  const identity = `gantry-program-1\n${provider}\n${RUNTIME_VERSION}\n`;
  return createHash('sha256').update(identity).update(model).digest('hex');
}

interface CacheEntry {
  readonly session: OrtSession;
  users: number;
}

/**
 * Sessions of one engine by content, so that equal programs are compiled once. A session lives as long as one of its users.
 * Invariant: every entry has at least one user.
 */
export class SessionCache {
  readonly #settings: SessionSettings;
  readonly #entries = new Map<string, CacheEntry>();
  readonly #loading = new Map<string, Promise<OrtSession>>();

  constructor(settings: SessionSettings) {
    this.#settings = settings;
  }

  /** Number of sessions that are loaded. */
  get size(): number {
    return this.#entries.size;
  }

  async acquire(hash: string, model: Uint8Array): Promise<OrtSession> {
    const known = this.#use(hash);
    if (known !== undefined) return known;
    let loading = this.#loading.get(hash);
    if (loading === undefined) {
      loading = createSession(model, this.#settings).finally(() => this.#loading.delete(hash));
      this.#loading.set(hash, loading);
    }
    const session = await loading;
    return this.#use(hash) ?? this.#add(hash, session);
  }

  /** The same at once; undefined where the device compiles asynchronously only. */
  acquireSync(hash: string, model: Uint8Array): OrtSession | undefined {
    const known = this.#use(hash);
    if (known !== undefined) return known;
    const session = createSessionSync(model, this.#settings);
    return session === undefined ? undefined : this.#add(hash, session);
  }

  release(hash: string): void {
    const entry = this.#entries.get(hash);
    if (entry === undefined) return;
    entry.users--;
    if (entry.users > 0) return;
    this.#entries.delete(hash);
    void entry.session.dispose();
  }

  async dispose(): Promise<void> {
    const sessions = [...this.#entries.values()].map(({ session }) => session);
    this.#entries.clear();
    await Promise.all(sessions.map((session) => session.dispose()));
  }

  #use(hash: string): OrtSession | undefined {
    const entry = this.#entries.get(hash);
    if (entry !== undefined) entry.users++;
    return entry?.session;
  }

  #add(hash: string, session: OrtSession): OrtSession {
    this.#entries.set(hash, { session, users: 1 });
    return session;
  }
}
