import { GantryError, suggestion } from '@gantry/common';
import type { Args } from './command.js';
import { type OptionName, optionSpec, SETTING_OPTIONS } from './options.js';

/** The text of an option, if it was given. */
export function textOf(args: Args, name: OptionName): string | undefined {
  const value = args[name];
  return typeof value === 'string' ? value : undefined;
}

/** @throws GantryError GANTRY_USAGE naming the option and an example. */
export function requiredText(args: Args, name: OptionName, example: string): string {
  const value = textOf(args, name);
  if (value === undefined || value === '') usage(`--${name} is missing: ${optionSpec(name).describe}. Add ${example}`);
  return value;
}

export function isGiven(args: Args, name: OptionName): boolean {
  return args[name] === true;
}

/** A whole number of an option that is no setting of the run. */
export function wholeOf(args: Args, name: OptionName, bounds: { min: number; max: number }): number | undefined {
  const value = textOf(args, name);
  if (value === undefined) return undefined;
  const number = numberOf(value);
  if (!Number.isInteger(number) || (number as number) < bounds.min || (number as number) > bounds.max) {
    usage(`--${name} is ${value}, which must be a whole number from ${bounds.min} to ${bounds.max}`);
  }
  return number as number;
}

export function choiceOf<const T extends readonly string[]>(
  args: Args,
  name: OptionName,
  choices: T,
): T[number] | undefined {
  const value = textOf(args, name);
  if (value === undefined || choices.includes(value)) return value;
  const meant = suggestion(value, choices);
  return usage(`--${name} is ${value}, which must be one of ${choices.join(', ')}${meant && `.${meant}`}`);
}

/** @throws GantryError GANTRY_USAGE, always. */
export function usage(message: string): never {
  throw new GantryError('GANTRY_USAGE', message);
}

/** The flags in the form of `gantry.yaml`. What is no number stays text, for the schema to name. */
export function settingsOf(args: Args): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  const adam: Record<string, unknown> = {};
  for (const name of SETTING_OPTIONS) {
    const spec = optionSpec(name);
    const value = textOf(args, name);
    if (spec.key === undefined || value === undefined) continue;
    const parsed = name === 'lease' ? leaseMs(value) : spec.number ? numberOf(value) : value;
    if (spec.key.startsWith('adam.')) adam[spec.key.slice('adam.'.length)] = parsed;
    else settings[spec.key] = parsed;
  }
  return Object.keys(adam).length > 0 ? { ...settings, adam } : settings;
}

/** A number in decimal notation, or the text itself. */
export function numberOf(text: string): number | string {
  return /^[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text.replaceAll('_', '')) : text;
}

/** Bare numbers up to this one are seconds: as milliseconds they would be below every allowed lease, and above it none is. */
const BARE_SECONDS_MAX = 60;

/** `2s`, `1500ms`, and bare numbers, of which only one reading is ever within the bounds of a lease. */
export function leaseMs(text: string): number | string {
  const parts = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(text);
  if (parts === null) return text;
  const value = Number(parts[1]);
  const seconds = parts[2] === 's' || (parts[2] === undefined && value <= BARE_SECONDS_MAX);
  return seconds ? Math.round(value * 1000) : value;
}

/** Units of sizes: powers of ten for kB, MB, GB; of two for KiB, MiB, GiB. */
const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

/** Vectors are of float32. */
const FLOAT_BYTES = 4;

/** `4096,1MB,64KiB` → bytes. @throws GantryError GANTRY_USAGE for what is no size of whole floats. */
export function sizesOf(text: string): number[] {
  return text.split(',').map((part) => {
    const size = sizeOf(part.trim());
    if (size === undefined) usage(`--bytes: ${part} is no size. Write 4096, 64KiB or 16.8MB`);
    const floats = Math.max(1, Math.round(size / FLOAT_BYTES));
    if (size === floats * FLOAT_BYTES) return size;
    return usage(
      `--bytes: ${part} is ${size} B, which must be a multiple of ${FLOAT_BYTES}, as vectors are of ` +
        `${FLOAT_BYTES}-byte floats. The nearest is ${floats * FLOAT_BYTES}`,
    );
  });
}

function sizeOf(text: string): number | undefined {
  const parts = /^(\d+(?:\.\d+)?)\s*([kmg]?i?b?)$/i.exec(text);
  const unit = UNITS[parts?.[2]?.toLowerCase() ?? 'none'];
  if (parts === null || unit === undefined) return undefined;
  // 2.24 × 1e6 is a little more than 2,240,000 in binary.
  return Math.round(Number(parts[1]) * unit * 1e3) / 1e3;
}
