import { GANTRY_VERSION, suggestion } from '@gantry/common';
import type { Argv } from 'yargs';
import { usage } from './arguments.js';
import { type Args, type Command, type CommandEntry, takesSeveral } from './command.js';
import { COMMANDS } from './commands/index.js';
import { OPTIONS, type OptionName, optionSpec } from './options.js';
import { plainArgs } from './plain-args.js';

/** Columns of `--help` on a wide terminal. */
const HELP_COLUMNS_MAX = 110;

/** What a command line asks for; undefined: help or version were printed. */
export interface Invocation {
  readonly command: Command;
  readonly args: Args;
}

/**
 * Finds the command, loads it alone, and parses its options.
 * @throws GantryError GANTRY_USAGE for unknown commands and options (naming the nearest), and missing values.
 */
export async function parseCommandLine(argv: readonly string[]): Promise<Invocation | undefined> {
  const [name, ...rest] = withHelpFlag(argv);
  const entry = COMMANDS.find((one) => one.name === name);
  if (entry === undefined)
    return withoutCommand(
      [name, ...rest].filter((word) => word !== undefined),
      name,
    );
  const command = await entry.load();
  const plain = plainArgs(command, rest);
  if (plain !== undefined) return { command, args: plain };
  const parsed = await commandParser(command, rest);
  if (parsed === undefined) return undefined;
  return { command, args: checkedArgs(command, parsed) };
}

/** `help`, `help train` and `train help` mean `--help`. */
function withHelpFlag(argv: readonly string[]): readonly string[] {
  if (argv[0] === 'help') return [...argv.slice(1), '--help'];
  return argv[1] === 'help' ? [argv[0]!, '--help', ...argv.slice(2)] : argv;
}

async function withoutCommand(argv: readonly string[], name: string | undefined): Promise<undefined> {
  const parser = overview(await base([...argv]), COMMANDS);
  if (name === undefined) {
    process.stderr.write(`${await parser.getHelp()}\n\n`);
    usage('which command? One of those above');
  }
  const known = COMMANDS.map((one) => one.name);
  if (!name.startsWith('-')) usage(`there is no command ${name}.${suggestion(name, known)} See gantry --help`);
  const { help, version } = await parser.parseAsync();
  if (help === undefined && version === undefined) {
    usage(`a command comes first, before ${name}: gantry train ${argv.join(' ')}`);
  }
  return undefined;
}

/** yargs as Gantry wants it: throws instead of exiting, English, names as they were typed. */
async function base(argv: string[]): Promise<Argv> {
  const { default: yargs } = await import('yargs');
  return yargs(argv)
    .scriptName('gantry')
    .parserConfiguration({
      'camel-case-expansion': false,
      'dot-notation': false,
      'boolean-negation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'duplicate-arguments-array': false,
      'strip-aliased': true,
    })
    .detectLocale(false)
    .exitProcess(false)
    .fail(false)
    .help('help')
    .alias('help', 'h')
    .version(`gantry ${GANTRY_VERSION}`)
    .wrap(Math.min(HELP_COLUMNS_MAX, process.stdout.columns ?? HELP_COLUMNS_MAX));
}

function overview(parser: Argv, commands: readonly CommandEntry[]): Argv {
  let listed = parser.usage('gantry COMMAND [options]\n\nTrains GANs on many processes, GPUs and machines.');
  for (const { name, summary } of commands) listed = listed.command(name, summary);
  return listed
    .example('gantry train', 'Train on MNIST with two workers, into runs/mlp-1')
    .example('gantry resume --out runs/mlp-1', 'Go on after Ctrl-C or a crash')
    .example('gantry generate --out runs/mlp-1 --to digits.png', 'A picture of 64 samples')
    .epilogue('gantry COMMAND --help lists the options of one command.');
}

async function commandParser(command: Command, argv: readonly string[]): Promise<Record<string, unknown> | undefined> {
  // Only here, because ordinary command lines need no help, and the defaults load what checks a configuration.
  const { optionText } = await import('./help-text.js');
  let parser = (await base([...argv])).usage(headOf(command));
  for (const name of command.options) {
    const { isSwitch = false, group, alias } = optionSpec(name);
    const isList = takesSeveral(command, name);
    if (isList) refuseRepeated(name, argv);
    const describe = optionText(command.name, name);
    if (isSwitch) parser = parser.option(name, { type: 'boolean', describe, group });
    else if (isList) parser = parser.option(name, { type: 'array', string: true, requiresArg: true, describe, group });
    else parser = parser.option(name, { nargs: 1, requiresArg: true, describe, group });
    if (alias !== undefined) parser = parser.alias(name, alias);
  }
  for (const [example, text] of command.examples) parser = parser.example(`gantry ${example}`, text);
  try {
    const parsed = (await parser.parseAsync()) as Record<string, unknown>;
    const answered = ['help', 'version'].some((name) => parsed[name] === true);
    return answered ? undefined : joinLists(command, parsed);
  } catch (error) {
    return usage(`${(error as Error).message.toLowerCase()}. See gantry ${command.name} --help`);
  }
}

/** Only the last would count. */
function refuseRepeated(name: OptionName, argv: readonly string[]): void {
  const given = argv.filter((word) => word === `--${name}` || word.startsWith(`--${name}=`));
  if (given.length > 1) usage(`--${name} is given ${given.length} times: put all its values behind one, --${name} A B`);
}

/** The form of a command line, what it does, and what its word may be. */
function headOf({ name, positional, operand, summary }: Command): string {
  const word = operand === undefined ? '' : ` [${operand.name}]`;
  if (positional === undefined) return `gantry ${name}${word} [options]\n\n${summary}.`;
  const { choices, describe, default: usual, number } = positional;
  const words = choices.map((choice) => (choice === number?.after ? `${choice} N` : choice)).join('|');
  return `gantry ${name} ${usual === undefined ? words : `[${words}]`} [options]\n\n${summary}. ${choices.join(', ')}: ${describe}.`;
}

function joinLists(command: Command, parsed: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const joined: Record<string, unknown> = { ...parsed };
  for (const name of command.options) {
    const values = joined[name];
    if (takesSeveral(command, name) && Array.isArray(values)) joined[name] = values.join(',');
  }
  return joined;
}

function checkedArgs(command: Command, parsed: Readonly<Record<string, unknown>>): Args {
  const { _: words, $0: _script, ...options } = parsed;
  const positionals = (words as readonly (string | number)[]).map(String);
  for (const name of Object.keys(options))
    if (!command.options.includes(name as OptionName)) unknownOption(command, name);
  if (command.operand !== undefined) return withOperand(command, options as Args, positionals);
  if (command.positional === undefined) {
    if (positionals.length > 0)
      usage(`${positionals[0]} is not expected by gantry ${command.name}: options begin with --`);
    return options as Args;
  }
  const { choices, describe, default: usual = '', number } = command.positional;
  const [what = usual, ...rest] = positionals;
  if (!choices.includes(what)) {
    usage(`gantry ${command.name} needs one of ${choices.join(', ')} (${describe}).${suggestion(what, choices)}`);
  }
  if (what === number?.after) return { ...options, what, [number.option]: numberAfter(command.name, what, rest) };
  const [extra] = rest;
  if (extra !== undefined) usage(`${extra} is not expected after gantry ${command.name} ${what}`);
  return { ...options, what } as Args;
}

/** `scale 4`. */
function numberAfter(command: string, what: string, words: readonly string[]): string {
  const [number = ''] = words;
  if (words.length === 1 && /^\d{1,6}$/.test(number)) return number;
  return usage(`gantry ${command} ${what} needs a number, and nothing after it: gantry ${command} ${what} 4`);
}

/** One word at most, which says what an option would. */
function withOperand({ name, operand }: Command, options: Args, words: readonly string[]): Args {
  const [word, extra] = words;
  if (word === undefined) return options;
  const { option } = operand!;
  if (extra !== undefined) usage(`${extra} is not expected after gantry ${name} ${word}`);
  if (options[option] !== undefined) usage(`gantry ${name} has both ${word} and --${option}: give one of them`);
  return { ...options, [option]: word };
}

function unknownOption(command: Command, name: string): never {
  const option = `--${name}`;
  const elsewhere = Object.hasOwn(OPTIONS, name) ? ' (other commands have it)' : '';
  const meant = elsewhere === '' ? suggestion(name, command.options, '--') : '';
  return usage(`gantry ${command.name} has no option ${option}${elsewhere}.${meant} See gantry ${command.name} --help`);
}
