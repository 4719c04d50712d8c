import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { CST, Document, Lexer, Parser } from 'yaml';
import { GantryError } from '../errors.js';
import { type ConfigProblem, problemsOf, throwProblems } from './problems.js';
import { type Settings, settingsSchema } from './schema.js';

/** A configuration is some dozens of lines. Some work of `yaml` is quadratic: 240 KB of tags took it a minute, this a second. */
export const CONFIG_BYTES_MAX = 32 * 1024;
/** Enough for a few shared values, far from a "billion laughs". */
const ALIASES_MAX = 32;
/** A configuration has two levels. The composer of `yaml` recurses: some hundreds of levels end the process, not the parse. */
const NESTING_MAX = 32;

/** `gantry.yaml`, read and checked. */
export interface ConfigFile {
  readonly path: string;
  readonly settings: Settings;
  /** `gantry.yaml:3:8` of a key, for messages about it. */
  where(key: string): string;
}

/**
 * Reads a configuration in YAML 1.2 (JSON is YAML). Paths in it are taken from its own folder.
 * @returns undefined if there is no such file and `optional`.
 * @throws GantryError GANTRY_CONFIG_INVALID: missing, too large, no YAML, or values out of bounds, with line and column.
 */
export async function readConfigFile(path: string, optional = false): Promise<ConfigFile | undefined> {
  const text = await readBounded(path, optional);
  return text === undefined ? undefined : parseConfigFile(text, path);
}

async function readBounded(path: string, optional: boolean): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size <= CONFIG_BYTES_MAX) return await readFile(path, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' && optional) return undefined;
    const what = code === 'ENOENT' ? 'there is no such file' : message;
    throw new GantryError('GANTRY_CONFIG_INVALID', `cannot read the configuration ${path}: ${what}`, { cause });
  }
  throw new GantryError(
    'GANTRY_CONFIG_INVALID',
    `${path} is larger than ${CONFIG_BYTES_MAX} bytes: not a configuration`,
  );
}

/** The text of a configuration file; `path` is for messages and for relative paths in it. */
export async function parseConfigFile(text: string, path: string): Promise<ConfigFile> {
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
  const parsed = settingsSchema.safeParse(value);
  if (!parsed.success) throwProblems(problemsOf(parsed.error.issues, value, where));
  return { path, settings: withPaths(parsed.data!, dirname(path)), where: (key) => where(key.split('.')) };
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
    if (!yaml.isMap(node)) return offset;
    const pair = node.items.find((item) => yaml.isScalar(item.key) && String(item.key.value) === key);
    if (pair === undefined) return offset;
    offset = (pair.key as { range?: [number, number, number] }).range?.[0] ?? offset;
    node = pair.value;
  }
  return offset;
}

/** Makes the paths among the settings absolute. */
export function withPaths(settings: Settings, folder: string): Settings {
  const { model, dataset } = settings;
  return {
    ...settings,
    ...(typeof model === 'string' ? { model: resolve(folder, model) } : {}),
    ...(dataset?.startsWith('idx:') ? { dataset: `idx:${resolve(folder, dataset.slice('idx:'.length))}` } : {}),
  };
}
