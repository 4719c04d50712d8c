/**
 * Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`: the optimal string alignment form of the
 * Damerau–Levenshtein distance (Boytsov 2011, "Indexing methods for approximate dictionary searching", §2.2).
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(last[j]! + 1, row[j - 1]! + 1, replace);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) best = Math.min(best, beforeLast[j - 2]! + 1);
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}

/** Longest word that is compared: what is longer is no slip of the finger, and the comparison is quadratic. */
const WORD_CHARS_MAX = 64;

/** The candidate that `word` was probably meant to be, or undefined: within two edits, or a third of its length. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > WORD_CHARS_MAX) return undefined;
  const plain = simplified(word);
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(plain.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(plain, simplified(candidate));
    if (distance < bestDistance && distance < plain.length) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `Batch_Size`, `batch-size` and `batchSize` are the same word. */
function simplified(word: string): string {
  return word.toLowerCase().replace(/[-_.\s]/g, '');
}

/** `did you mean X?` with a leading space, or nothing. */
export function suggestion(word: string, candidates: Iterable<string>, prefix = ''): string {
  const found = nearest(word, candidates);
  return found === undefined ? '' : ` Did you mean ${prefix}${found}?`;
}

/** `1 worker`, `2 workers`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** An argument as a POSIX shell takes it: quoted where it must be. */
export function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
