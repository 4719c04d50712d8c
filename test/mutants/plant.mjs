import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How often `find` occurs in `text`. */
export function occurrences(text, find) {
  return text.split(find).length - 1;
}

/** Changes one file of the tree. Returns what undoes it. */
export function plant(tree, { name, file, find, replace }) {
  const path = join(tree, file);
  const text = readFileSync(path, 'utf8');
  const count = occurrences(text, find);
  if (count !== 1) throw new Error(`${name}: its text occurs ${count} times in ${file}, not once`);
  writeFileSync(
    path,
    text.replace(find, () => replace),
  );
  return () => writeFileSync(path, text);
}
