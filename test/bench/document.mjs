import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DOCS = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'docs');

export function table(head, rows) {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

export const round = (value, digits = 2) => (value === undefined ? '–' : Number(value.toFixed(digits)).toString());

/** What was measured on, and how. */
export function machineLine(rounds) {
  return `${cpus().length} cores of ${cpus()[0].model.trim()}, Node ${process.versions.node}, ${rounds} interleaved rounds, medians`;
}

/** Prints sections (Markdown by marker's name), and with `write` replaces what stands between their markers in the document. */
export function publish(sections, rounds, write, name = 'benchmarks.md') {
  const file = join(DOCS, name);
  const machine = machineLine(rounds);
  for (const [section, text] of Object.entries(sections)) console.log(`\n## ${section}\n\n${machine}\n\n${text}`);
  if (!write) return;
  let document = readFileSync(file, 'utf8');
  for (const [section, text] of Object.entries(sections)) {
    const marker = new RegExp(`(<!-- ${section} -->)[\\s\\S]*?(<!-- end -->)`);
    document = document.replace(marker, `$1\n${machine}\n\n${text}\n$2`);
  }
  writeFileSync(file, document);
}
