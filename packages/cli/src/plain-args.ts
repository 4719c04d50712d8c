import { type Args, type Command, takesSeveral } from './command.js';
import { type OptionName, optionSpec } from './options.js';

/**
 * Parses the ordinary command line, `--name value`, `--name=value` and switches, each once, without loading yargs, which takes
 * longer than everything else between a command and its workers. undefined: it is something else, and yargs decides.
 */
export function plainArgs(command: Command, argv: readonly string[]): Args | undefined {
  if (command.positional !== undefined) return undefined;
  const args: Partial<Record<OptionName, string | boolean>> = {};
  for (let i = 0; i < argv.length; i++) {
    const [, name, inline] = /^--([a-z][a-z0-9-]*)(?:=(.*))?$/s.exec(argv[i]!) ?? [];
    const known = command.options.find((option) => option === name);
    if (known === undefined || known in args) return undefined;
    const { isSwitch = false } = optionSpec(known);
    const isList = takesSeveral(command, known);
    if (isList || (isSwitch && inline !== undefined)) return undefined;
    const value = isSwitch ? true : (inline ?? argv[++i]);
    if (typeof value === 'string' && !isPlain(value)) return undefined;
    if (value === undefined) return undefined;
    args[known] = value;
  }
  return args;
}

/** Neither empty, nor an option, nor quoted, which yargs would take off. */
function isPlain(value: string): boolean {
  return value !== '' && !/^[-'"]/.test(value);
}
