/** Settings whose flag is not their key in kebab case. */
const NAMED: Readonly<Record<string, string>> = {
  leaseMs: '--lease',
  'adam.learningRate': '--learning-rate',
  'adam.beta1': '--beta1',
  'adam.beta2': '--beta2',
  'adam.epsilon': '--epsilon',
};

/** The flag that gives a setting: `checkpointEvery` → `--checkpoint-every`. */
export function flagOf(key: string): string {
  return NAMED[key] ?? `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
