import type { z } from 'zod';
import { GantryError } from '../errors.js';
import { plural, suggestion } from '../text.js';

/** Problems that are looked into and listed: a file with more of them is something else. */
const PROBLEMS_MAX = 50;
const SHOWN_CHARS_MAX = 60;

/** One thing wrong with the configuration. */
export interface ConfigProblem {
  /** Where the value was given: `--batch`, `gantry.yaml:3:8`, `preset mlp` … */
  readonly where: string;
  readonly key: string;
  /** Undefined: not about one value. */
  readonly value?: unknown;
  /** What the bound is and what to do. */
  readonly text: string;
}

/** @throws GantryError GANTRY_CONFIG_INVALID with every problem, one a line, if there is any. */
export function throwProblems(problems: readonly ConfigProblem[]): void {
  if (problems.length === 0) return;
  const lines = problems.map(({ where, key, value, text }) => {
    const given = value === undefined ? '' : ` is ${shortened(value)}, which`;
    // A flag names itself; a problem of the whole has no key.
    const named = where.startsWith('--') || key === '' ? where : `${where}: ${key}`;
    return `  ${named}${given} ${text}`;
  });
  throw new GantryError(
    'GANTRY_CONFIG_INVALID',
    `the configuration has ${plural(problems.length, 'problem')}${problems.length < PROBLEMS_MAX ? '' : ' or more'}:\n${lines.join('\n')}`,
    { details: { keys: problems.map(({ key }) => key).join(','), problems: problems.length } },
  );
}

/** What zod found, in the words of the schema; an unknown key names the nearest one. */
export function problemsOf(
  issues: readonly z.core.$ZodIssue[],
  input: unknown,
  at: { readonly where: (path: readonly string[]) => string; readonly keys: readonly string[] },
): ConfigProblem[] {
  const seen = new Set<string>();
  const problems: ConfigProblem[] = [];
  for (const issue of issues) {
    const path = issue.path.map(String);
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys.slice(0, PROBLEMS_MAX)) problems.push(unknownKey([...path, key], at));
      continue;
    }
    const key = path.join('.');
    if (seen.has(key)) continue;
    seen.add(key);
    const value = valueAt(input, path);
    problems.push({
      where: at.where(path),
      key,
      ...(isMissing(issue) ? MISSING : { value, text: `${issue.message}${meant(issue, value)}` }),
    });
  }
  return problems.slice(0, PROBLEMS_MAX);
}

const MISSING = { text: 'is missing, and has to be there' } as const;

function isMissing(issue: z.core.$ZodIssue): boolean {
  return issue.code === 'invalid_type' && (issue.expected as string) === 'nonoptional';
}

/** Of a choice: the word that was probably meant. */
function meant(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code !== 'invalid_value' || typeof value !== 'string') return '';
  const found = suggestion(value, issue.values.map(String));
  return found === '' ? '' : `.${found}`;
}

function unknownKey(path: readonly string[], { where, keys }: Parameters<typeof problemsOf>[2]): ConfigProblem {
  const key = path.join('.');
  return { where: where(path), key: cut(key), text: `is no known key.${suggestion(key, keys)}` };
}

function valueAt(input: unknown, path: readonly string[]): unknown {
  let value = input;
  for (const key of path) value = (value as Record<string, unknown> | undefined)?.[key];
  return value === undefined ? 'nothing' : value;
}

function shortened(value: unknown): string {
  const plain = value !== '' && typeof value !== 'object';
  return cut(plain ? String(value) : asJson(value));
}

/** JSON for people; an alias can make a list that holds itself, and a stored config can be too deep to write. */
function asJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return 'a value nested without end';
  }
}

function cut(text: string): string {
  return text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX - 3)}…` : text;
}
