import { resolve } from 'node:path';
import { suggestion } from './text.js';

/** Kinds of data sets that lie in files of the user's; what follows the colon is a path, with options behind a `?`. */
export const DATASET_KINDS = ['idx', 'folder', 'npz', 'csv'] as const;
export type DatasetKind = (typeof DATASET_KINDS)[number];

/** Forms of a data set's name, for help and messages. */
export const DATASET_FORMS = ['mnist', 'fashion-mnist', 'idx:PATH', 'folder:PATH', 'npz:PATH', 'csv:PATH'] as const;

/** A data set's name, taken apart. */
export type DatasetName =
  | { readonly kind: 'mnist' | 'fashion-mnist' }
  | {
      readonly kind: DatasetKind;
      /** As it is written: may be relative. */
      readonly path: string;
      /** What stands behind the `?`, checked. */
      readonly options: Readonly<Record<string, string>>;
    };

/** An option behind a `?`: what its value must match, and how that is said. */
interface OptionRule {
  readonly form: RegExp;
  readonly expected: string;
}

const word = (...words: string[]): OptionRule => ({
  form: new RegExp(`^(?:${words.join('|')})$`),
  expected: `one of ${words.join(', ')}`,
});
const NUMBER = String.raw`-?\d+(?:\.\d+)?(?:e[+-]?\d+)?`;
const ARRAY: OptionRule = { form: /^[^/\\]+$/, expected: 'the name of an array in the file' };

/** Options of each kind. */
const OPTIONS: Readonly<Record<DatasetKind, Readonly<Record<string, OptionRule>>>> = {
  idx: {},
  folder: {
    size: {
      form: /^[1-9]\d{0,4}(?:x[1-9]\d{0,4})?$/,
      expected: 'pixels of a side, as in size=28, or WIDTHxHEIGHT, as in size=32x24',
    },
    channels: { form: /^[13]$/, expected: '1 (grey) or 3 (colour)' },
    fit: word('cover', 'fill', 'contain'),
    filter: word('lanczos3', 'lanczos2', 'mitchell', 'cubic', 'linear', 'nearest'),
  },
  npz: {
    range: { form: new RegExp(`^${NUMBER},${NUMBER}$`, 'i'), expected: 'LOW,HIGH, as in range=-1,1' },
    images: ARRAY,
    labels: ARRAY,
  },
  csv: { schema: { form: /./, expected: 'the path of a schema file' } },
};

/** Options look like this; a `?` before anything else belongs to the path. */
const TAIL = /^(.+)\?([a-z]+=[^&]*(?:&[a-z]+=[^&]*)*)$/s;

/** Takes a name apart. @returns what is wrong with it, as the end of a sentence, where it is none. */
export function parseDatasetName(name: string): DatasetName | { readonly problem: string } {
  if (name === 'mnist' || name === 'fashion-mnist') return { kind: name };
  const colon = name.indexOf(':');
  const kind = DATASET_KINDS.find((known) => known === name.slice(0, colon));
  if (kind === undefined || colon === name.length - 1) return { problem: `must be ${listed(DATASET_FORMS)}` };
  const rest = name.slice(colon + 1);
  const [, path, tail] = (Object.keys(OPTIONS[kind]).length > 0 && TAIL.exec(rest)) || [];
  if (path === undefined || tail === undefined) return { kind, path: rest, options: {} };
  return parseOptions(kind, path, tail);
}

function parseOptions(kind: DatasetKind, path: string, tail: string): DatasetName | { readonly problem: string } {
  const options: Record<string, string> = {};
  for (const pair of tail.split('&')) {
    const [key, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
    const problem = optionProblem(kind, key, value, options);
    if (problem !== null) return { problem };
    options[key] = value;
  }
  return { kind, path, options };
}

function optionProblem(kind: DatasetKind, key: string, value: string, before: object): string | null {
  const known = Object.keys(OPTIONS[kind]);
  const rule = known.includes(key) ? OPTIONS[kind][key] : undefined;
  if (rule === undefined) {
    return `has an option ${key} that ${kind}: has not (it has ${listed(known, 'and')}).${suggestion(key, known)}`;
  }
  if (Object.hasOwn(before, key)) return `has the option ${key} twice`;
  return rule.form.test(value) ? null : `has ${key}=${value}, where ${key} must be ${rule.expected}`;
}

/** The name with its paths made absolute; one that cannot be taken apart stays as it is. */
export function resolveDatasetName(name: string, folder: string): string {
  const parsed = parseDatasetName(name);
  if ('problem' in parsed || !('path' in parsed)) return name;
  const { kind, path, options } = parsed;
  const tail = Object.entries(options).map(
    ([key, value]) => `${key}=${key === 'schema' ? resolve(folder, value) : value}`,
  );
  return `${kind}:${resolve(folder, path)}${tail.length > 0 ? `?${tail.join('&')}` : ''}`;
}

/** `a, b or c`. */
function listed(words: readonly string[], last = 'or'): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`;
}
