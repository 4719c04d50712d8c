import { readFile, stat } from 'node:fs/promises';
import type { CST, Document, Lexer, Parser } from 'yaml';
import type { z } from 'zod';
import { GantryError } from '../errors.js';
import { type ConfigProblem, problemsOf, throwProblems } from './problems.js';

/** A configuration is some dozens of lines. Some work of `yaml` is quadratic: 240 KB of tags took it a minute, this a second. */
export const CONFIG_BYTES_MAX = 32 * 1024;
/** Enough for a few shared values, far from a "billion laughs". */
const ALIASES_MAX = 32;
/** A configuration has few levels. The composer of `yaml` recurses: some hundreds of levels end the process, not the parse. */
const NESTING_MAX = 32;

/** What a YAML file of Gantry's has to be. */
export interface YamlKind<T> {
  /** In messages: `configuration`, `cluster file`. */
  readonly what: string;
  readonly schema: z.ZodType<T>;
  /** Every key there is, nested ones with a dot: an unknown one names the nearest. */
  readonly keys: readonly string[];
}

/** A YAML file, read and checked. */
export interface YamlFile<T> {
  readonly path: string;
  readonly value: T;
  /** `gantry.yaml:3:8` of a key, nested ones with a dot, for messages about it. */
  where(key: string): string;
}

/**
 * Reads a file in YAML 1.2 (JSON is YAML).
 * @returns undefined if there is no such file and `optional`.
 * @throws GantryError GANTRY_CONFIG_INVALID: missing, too large, no YAML, or values out of bounds, with line and column.
 */
export async function readYamlFile<T>(
  path: string,
  kind: YamlKind<T>,
  optional = false,
): Promise<YamlFile<T> | undefined> {
  const text = await readBounded(path, kind.what, optional);
  return text === undefined ? undefined : parseYamlFile(text, path, kind);
}

async function readBounded(path: string, what: string, optional: boolean): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size <= CONFIG_BYTES_MAX) return await readFile(path, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' && optional) return undefined;
    const why = code === 'ENOENT' ? 'there is no such file' : message;
    throw new GantryError('GANTRY_CONFIG_INVALID', `cannot read the ${what} ${path}: ${why}`, { cause });
  }
  throw new GantryError('GANTRY_CONFIG_INVALID', `${path} is larger than ${CONFIG_BYTES_MAX} bytes: not a ${what}`);
}

/** The text of such a file; `path` is for messages. */
export async function parseYamlFile<T>(text: string, path: string, kind: YamlKind<T>): Promise<YamlFile<T>> {
  const yaml = await import('yaml');
  const lines = new yaml.LineCounter();
  const composer = new yaml.Composer({ uniqueKeys: true, logLevel: 'error' });
  lines.addNewLine(0);
  const tokens = boundedTokens(text, path, new yaml.Parser(lines.addNewLine), new yaml.Lexer());
  const [document, second] = composer.compose(tokens, true, text.length);
  const at = (offset: number | undefined): string => {
    if (offset === undefined) return path;
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  throwProblems(syntaxProblems(document!, at));
  if (second !== undefined)
    throwProblems([{ where: at(second.range[0]), key: 'YAML', text: 'holds more than one document' }]);
  const value = plainValue(document!, path);
  const where = (keys: readonly string[]): string => at(offsetOf(document!, keys, yaml));
  const parsed = kind.schema.safeParse(value);
  if (!parsed.success) throwProblems(problemsOf(parsed.error.issues, value, { where, keys: kind.keys }));
  return { path, value: parsed.data!, where: (key) => where(key.split('.')) };
}

/** The tokens of a text, as long as the parser, which keeps its own stack, does not nest too deep. */
function* boundedTokens(text: string, path: string, parser: Parser, lexer: Lexer): Generator<CST.Token> {
  for (const lexeme of lexer.lex(text)) {
    yield* parser.next(lexeme);
    if (parser.stack.length > NESTING_MAX)
      throw new GantryError('GANTRY_CONFIG_INVALID', `${path} is nested deeper than ${NESTING_MAX} levels`);
  }
  yield* parser.end();
}

/** The first alone: those after it are mostly its consequences. */
function syntaxProblems(document: Document, at: (offset: number) => string): ConfigProblem[] {
  return [...document.errors, ...document.warnings].slice(0, 1).map(({ message, pos, code }) => ({
    where: at(pos[0]),
    key: 'YAML',
    text: `cannot be read: ${withoutPosition(message)} (${code})`,
  }));
}

/** The parser's messages name line and column too, and quote the text. */
function withoutPosition(message: string): string {
  return message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '');
}

function plainValue(document: Document, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX }) ?? {};
  } catch (cause) {
    throw new GantryError('GANTRY_CONFIG_INVALID', `${path} has too many aliases (at most ${ALIASES_MAX})`, { cause });
  }
}

/** Offset of the key (not its value) in the text; of the deepest part that exists. */
function offsetOf(document: Document, keys: readonly string[], yaml: typeof import('yaml')): number | undefined {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const key of keys) {
    if (yaml.isSeq(node)) {
      node = node.items[Number(key)];
      offset = (node as { range?: [number, number, number] } | undefined)?.range?.[0] ?? offset;
      continue;
    }
    if (!yaml.isMap(node)) return offset;
    const pair = node.items.find((item) => yaml.isScalar(item.key) && String(item.key.value) === key);
    if (pair === undefined) return offset;
    offset = (pair.key as { range?: [number, number, number] }).range?.[0] ?? offset;
    node = pair.value;
  }
  return offset;
}
