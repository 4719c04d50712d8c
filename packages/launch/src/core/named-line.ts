/** `worker-1  | text`, as compose, kubectl and srun print it. */
export function namedLine(line: string): { name: string; line: string } {
  const [, name = '', text = line] = /^(\S+?)\s*\| ?(.*)$/.exec(line) ?? [];
  return { name, line: text };
}
