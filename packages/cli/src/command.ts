import { type OptionName, optionSpec } from './options.js';

/** Parsed command line: text of options with a value, true for switches, undefined for what was not given. */
export type Args = Readonly<Partial<Record<OptionName | 'what', string | boolean>>>;

/** One `gantry` command: arguments to calls, no logic of its own. */
export interface Command {
  readonly name: string;
  /** A word that must stand before the options. */
  readonly positional?: {
    readonly describe: string;
    readonly choices: readonly string[];
    /** What no word means. */
    readonly default?: string;
    /** The choice that a number follows, and the option that the number would be. */
    readonly number?: { readonly after: string; readonly option: OptionName };
  };
  /** A word that may stand for an option. */
  readonly operand?: { readonly name: string; readonly option: OptionName };
  readonly summary: string;
  readonly options: readonly OptionName[];
  /** Options of one value elsewhere that take several here. */
  readonly lists?: readonly OptionName[];
  /** Command lines without `gantry`, and what they do. */
  readonly examples: readonly (readonly [string, string])[];
  /** @returns the exit code. */
  run(args: Args): Promise<number>;
}

/** What `--help` lists; the command itself is loaded when it is called. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}

/** Whether an option takes several values in this command; they arrive joined by commas. */
export function takesSeveral(command: Command, name: OptionName): boolean {
  return optionSpec(name).isList === true || command.lists?.includes(name) === true;
}
