import { Job } from 'kubernetes-models/batch/v1';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { ConfigMap, PersistentVolumeClaim, Secret, Service } from 'kubernetes-models/v1';
import { parseAllDocuments } from 'yaml';

interface Validator {
  validate(this: object): void;
}

/** The validators that are generated from the OpenAPI document of Kubernetes (1.33), by what they are for. */
const VALIDATORS: ReadonlyMap<string, Validator> = new Map(
  [Job, NetworkPolicy, ConfigMap, PersistentVolumeClaim, Secret, Service].map((model) => [
    `${model.apiVersion} ${model.kind}`,
    model.prototype as Validator,
  ]),
);

/** The documents of a manifest, read as kubectl reads YAML, each valid. @throws Error that names the object and what is wrong with it */
export function validManifest(text: string): object[] {
  return parseAllDocuments(text, { version: '1.1' }).map((document) => {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw problem;
    const object = document.toJS() as object;
    validateObject(object);
    return object;
  });
}

/**
 * Against the official schema: types, required fields, values; and fields that Kubernetes does not know, which the schema alone
 * lets pass, and the API server does not.
 * @throws Error
 */
export function validateObject(object: object): void {
  const { apiVersion, kind, metadata } = object as { apiVersion?: string; kind?: string; metadata?: { name?: string } };
  const what = `${kind} ${metadata?.name}`;
  const validator = VALIDATORS.get(`${apiVersion} ${kind}`);
  if (validator === undefined) throw new Error(`${what}: there is no ${kind} in ${apiVersion}`);
  const asked = new Set<string>();
  try {
    validator.validate.call(noting(object, '', asked));
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`);
  }
  const unknown = pathsOf(object, '').filter((path) => !asked.has(path));
  if (unknown.length > 0) throw new Error(`${what}: unknown field ${unknown.join(', ')}`);
}

/** The same object, which notes the fields that somebody asks for: a validator asks for those that its schema has. */
function noting<T extends object>(object: T, path: string, asked: Set<string>): T {
  return new Proxy(object, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof key === 'symbol' || !Object.hasOwn(target, key)) return value;
      const at = `${path}/${key}`;
      asked.add(at);
      return typeof value === 'object' && value !== null ? noting(value, at, asked) : value;
    },
  });
}

function pathsOf(value: object, path: string): string[] {
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = `${path}/${key}`;
    return [at, ...(typeof inner === 'object' && inner !== null ? pathsOf(inner as object, at) : [])];
  });
}
