/**
 * A plain object of scalars, lists and objects as block YAML, two blanks a level; scalars as JSON, which YAML contains.
 * Enough for a resolved configuration, which no person edits.
 */
export function toYaml(value: Readonly<Record<string, unknown>>, indent = ''): string {
  return Object.entries(value)
    .map(([key, entry]) => {
      const nested = typeof entry === 'object' && entry !== null && !Array.isArray(entry);
      if (!nested) return `${indent}${key}: ${JSON.stringify(entry)}\n`;
      return `${indent}${key}:\n${toYaml(entry as Record<string, unknown>, `${indent}  `)}`;
    })
    .join('');
}
