/** A line of output, and whose it is. */
export interface NamedLine {
  readonly name: string;
  readonly line: string;
  /** Who said it when, in times that compare as texts, where the output tells: it may be read from the beginning again. */
  readonly said?: { readonly by: string; readonly at: string };
}

/** `worker-1  | text`, as compose, kubectl and srun print it. */
export function namedLine(line: string): NamedLine {
  const [, name = '', text = line] = /^(\S+?)\s*\| ?(.*)$/.exec(line) ?? [];
  return { name, line: text };
}
