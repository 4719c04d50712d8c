import type { CST, Document, Lexer, Parser } from 'yaml';
import { GantryError } from '../errors.js';
import { type ConfigProblem, throwProblems } from './problems.js';

/** Enough for a few shared values, far from a "billion laughs". */
const ALIASES_MAX = 32;
/** A configuration has a few levels. The composer of `yaml` recurses: some hundreds of levels end the process, not the parse. */
const NESTING_MAX = 32;

/** What a YAML text says, and where it says it. */
export interface YamlDocument {
  readonly value: unknown;
  /** `gantry.yaml:3:8` of a key, for messages about it; of the deepest part of it that exists. */
  where(keys: readonly string[]): string;
}

/**
 * Parses one document of YAML 1.2 (JSON is YAML), with bounds on aliases and nesting. The caller bounds its length.
 * @param path for messages
 * @throws GantryError GANTRY_CONFIG_INVALID with line and column
 */
export async function parseYaml(text: string, path: string): Promise<YamlDocument> {
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
  return { value: plainValue(document!, path), where: (keys) => at(offsetOf(document!, keys, yaml)) };
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
