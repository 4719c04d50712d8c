import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { validateObject } from '../../../packages/launch/src/testing/kubernetes-schema.js';
import { parseBody } from './body.js';
import { DISCOVERY } from './discovery.js';
import { Jobs } from './jobs.js';
import type { PodRuntime } from './pod.js';
import { Store, type Stored } from './store.js';

const PATH = /^\/(?:api|apis\/[a-z0-9.]+)\/v1\/namespaces\/([^/]+)\/([a-z]+)(?:\/([^/]+)(?:\/(log))?)?$/;

interface Request {
  readonly method: string;
  readonly resource: string;
  readonly name: string | undefined;
  readonly query: URLSearchParams;
  readonly body: Buffer;
}

/** An answer that is no success, as Kubernetes gives it. */
class Refusal extends Error {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

/**
 * As much of Kubernetes as `kubectl` needs to look after a run: an API server for one namespace, which takes nothing that the
 * official schemas refuse, and the controller that makes pods of jobs. What runs the pods is given. It stands in for a cluster
 * where there is none: that a real one does the same is not tested by it.
 */
export class StandInKubernetes {
  readonly store = new Store();
  readonly jobs: Jobs;
  /** Method, path and query of each request that changed something. */
  readonly changes: string[] = [];
  readonly #runtime: PodRuntime;
  readonly #server: Server;
  readonly #folder = mkdtempSync(join(tmpdir(), 'gantry-kubernetes-'));

  private constructor(runtime: PodRuntime) {
    this.#runtime = runtime;
    this.jobs = new Jobs(this.store, runtime);
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(runtime: PodRuntime): Promise<StandInKubernetes> {
    const cluster = new StandInKubernetes(runtime);
    await new Promise<void>((resolve) => cluster.#server.listen(0, '127.0.0.1', resolve));
    writeFileSync(join(cluster.#folder, 'config'), JSON.stringify(cluster.#kubeconfig()));
    return cluster;
  }

  /** By which kubectl finds it, and nothing else of this machine's. */
  get env(): Readonly<Record<string, string>> {
    return { KUBECONFIG: join(this.#folder, 'config'), KUBECACHEDIR: join(this.#folder, 'cache') };
  }

  async remove(): Promise<void> {
    await Promise.all(this.store.list('jobs').map(({ metadata }) => this.jobs.delete(metadata.name)));
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.#runtime.remove();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #kubeconfig(): object {
    const server = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return {
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'stand-in' },
      clusters: [{ name: 'stand-in', cluster: { server } }],
      users: [{ name: 'stand-in', user: {} }],
      contexts: [{ name: 'stand-in', context: { cluster: 'stand-in', user: 'stand-in' } }],
    };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = request;
    const { pathname, searchParams } = new URL(url, 'http://localhost');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    if (method !== 'GET') this.changes.push(`${method} ${pathname}?${searchParams}`);
    const [, , resource = '', name, log] = PATH.exec(pathname) ?? [];
    const asked = { method, resource, name, query: searchParams, body };
    try {
      if (log !== undefined) return await this.#log(asked, response);
      if (searchParams.get('watch') === 'true') return await this.#watch(asked, response);
      answer(response, method === 'POST' ? 201 : 200, await this.#result(pathname, asked));
    } catch (error) {
      const { code = 500, reason = 'InternalError', message } = error as Refusal;
      answer(response, code, {
        ...STATUS,
        status: 'Failure',
        code,
        reason,
        message,
        details: { name, kind: resource },
      });
    }
  }

  async #result(pathname: string, request: Request): Promise<object> {
    const known = DISCOVERY.get(pathname);
    if (known !== undefined) return known;
    if (pathname.endsWith('/selfsubjectaccessreviews')) return ALLOWED;
    const { method, resource, name } = request;
    if (resource === '') throw new Refusal(404, 'NotFound', `there is no ${pathname}`);
    if (name === undefined) return method === 'POST' ? this.#create(request) : this.#list(request);
    const object = this.store.get(resource, name);
    if (object === undefined) throw new Refusal(404, 'NotFound', `${resource} "${name}" not found`);
    if (method === 'PATCH') return this.#patch(request, object);
    if (method === 'DELETE') return this.#delete(request);
    return object;
  }

  #list({ resource, query }: Request): object {
    const [first] = this.store.list(resource);
    const items = this.store.list(resource, selects(query));
    const kind = `${first?.kind ?? 'Object'}List`;
    return { kind, apiVersion: first?.apiVersion ?? 'v1', metadata: { resourceVersion: '1' }, items };
  }

  #create({ resource, body }: Request): object {
    const object = parseBody(body) as Stored;
    valid(object);
    const { name } = object.metadata;
    if (this.store.get(resource, name) !== undefined) {
      throw new Refusal(409, 'AlreadyExists', `${resource} "${name}" already exists`);
    }
    const stored = this.store.create(resource, object);
    if (resource === 'jobs') this.jobs.reconcile(stored);
    return stored;
  }

  #patch({ resource, body }: Request, before: Stored): object {
    const after = merged(before, parseBody(body)) as Stored;
    valid(after);
    if (resource === 'jobs') checkJobChange(before, after);
    const stored = this.store.replace(resource, after);
    if (resource === 'jobs') this.jobs.reconcile(stored);
    return stored;
  }

  #delete({ resource, name, body }: Request): object {
    const { propagationPolicy } = (body.length === 0 ? {} : parseBody(body)) as { propagationPolicy?: string };
    if (resource !== 'jobs') this.store.delete(resource, name!);
    else if (propagationPolicy === 'Foreground') void this.jobs.delete(name!);
    else throw new Refusal(400, 'BadRequest', 'this server deletes jobs in the foreground alone');
    return { ...STATUS, status: 'Success' };
  }

  /** Whoever deletes waits by it. */
  async #watch({ resource, query }: Request, response: ServerResponse): Promise<void> {
    response.writeHead(200, { 'content-type': 'application/json' });
    for (const object of this.store.list(resource, selects(query))) {
      const { name } = object.metadata;
      await this.store.until(() => this.store.get(resource, name) === undefined);
      response.write(`${JSON.stringify({ type: 'DELETED', object })}\n`);
    }
    response.end();
  }

  async #log({ name, query }: Request, response: ServerResponse): Promise<void> {
    const pod = this.jobs.pods().find((one) => one.name === name);
    if (pod === undefined) throw new Refusal(404, 'NotFound', `pods "${name}" not found`);
    if (pod.isWaiting && pod.lines.length === 0) {
      const message = `container "${query.get('container')}" in pod "${name}" is waiting to start: ContainerCreating`;
      throw new Refusal(400, 'BadRequest', message);
    }
    response.writeHead(200, { 'content-type': 'text/plain' });
    const { lines } = pod;
    const isStill = (): boolean => lines === pod.lines && this.store.get('pods', pod.name)?.status.phase === 'Running';
    for (let told = 0; ; ) {
      for (; told < lines.length; told++) response.write(`${lines[told]}\n`);
      if (query.get('follow') !== 'true' || !isStill()) break;
      await this.store.until(() => lines.length > told || !isStill());
    }
    response.end();
  }
}

/** Everybody may do everything. */
const ALLOWED = {
  ...{ kind: 'SelfSubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', metadata: {}, spec: {} },
  status: { allowed: true },
};
const STATUS = { kind: 'Status', apiVersion: 'v1', metadata: {} };

function answer(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function valid(object: Stored): void {
  const { status: _status, ...written } = object;
  const { uid: _uid, resourceVersion: _version, creationTimestamp: _born, ...metadata } = written.metadata;
  try {
    validateObject({ ...written, metadata });
  } catch (error) {
    throw new Refusal(422, 'Invalid', (error as Error).message);
  }
}

function selects(query: URLSearchParams): (object: Stored) => boolean {
  const pairs = (query.get('labelSelector') ?? '').split(',').filter(Boolean);
  const name = /^metadata\.name=(.*)$/.exec(query.get('fieldSelector') ?? '')?.[1];
  return ({ metadata }) =>
    (name === undefined || metadata.name === name) &&
    pairs.every((pair) => metadata.labels?.[pair.split('=')[0]!] === pair.split('=')[1]);
}

/** RFC 7386. */
function merged(before: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(before as object) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

/** What Kubernetes lets change in a job that runs: since 1.27 the number of indexes, with that of pods. */
function checkJobChange(before: Stored, after: Stored): void {
  const { completions, parallelism, ...rest } = after.spec as Record<string, unknown>;
  const { completions: had, parallelism: _pods, ...old } = before.spec as Record<string, unknown>;
  if (JSON.stringify(rest) !== JSON.stringify(old)) throw new Refusal(422, 'Invalid', 'spec: field is immutable');
  if (completions !== had && completions !== parallelism) {
    throw new Refusal(422, 'Invalid', 'spec.completions: can only be modified in tandem with spec.parallelism');
  }
}
