import type { NamedLine } from '../../named-line.js';

const LINE = /^\[pod\/(\S+)\/(coordinator|worker)\] (?:(\d{4}-\d\d-\d\dT\S+) ?)?(.*)$/;
/** NAME-worker-INDEX-xxxxx */
const INDEX = /-(\d+)-[a-z0-9]+$/;

/** A line of `kubectl logs --prefix --timestamps`. */
export function podLine(text: string): NamedLine {
  const [, pod = '', container = '', at, line = text] = LINE.exec(text) ?? [];
  const name = container === 'worker' ? workerName(pod) : container;
  return { name, line, ...(at === undefined ? {} : { said: { by: pod, at } }) };
}

/** A worker's name, by its pod's. */
export function workerName(pod: string): string {
  const index = INDEX.exec(pod)?.[1];
  return index === undefined ? pod : `worker-${index}`;
}
