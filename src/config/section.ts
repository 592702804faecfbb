import * as z from 'zod';

/**
 * A mapping of gateway.yaml that refuses keys it does not know. The message of unknown keys is one line a key, in the
 * order of the issue's `keys`, each with the nearest key that exists.
 */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') {
        return (issue.keys as string[]).map((key) => unknownKey(key, Object.keys(shape))).join('\n');
      }
      return 'expected a mapping of keys to values';
    },
  });
}

/** With the key that was meant, or where none is near, with all that there are. */
export function unknownKey(key: string, known: readonly string[]): string {
  return `unknown key \`${printable(key)}\`${suggestion(key, known) || `; there are ${known.join(', ')}`}`;
}

/** `; did you mean travel?`, or nothing. */
export function suggestion(word: string, known: readonly string[]): string {
  const nearest = nearestWord(word, known);
  return nearest === undefined ? '' : `; did you mean \`${printable(nearest)}\`?`;
}

/** The operator's own words on one line of a terminal: no control characters, and no more than a line can take. */
export function printable(word: string): string {
  const oneLine = word.replace(/[\p{C}\u2028\u2029]/gu, '\ufffd');
  return oneLine.length > MAX_WORD ? `${oneLine.slice(0, MAX_WORD)}…` : oneLine;
}

/** The word that a slip of the fingers would have come from: at most a third of its letters differ. */
export function nearestWord(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > MAX_WORD) return undefined;
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= Math.max(1, Math.floor(best.candidate.length / 3)) ? best.candidate : undefined;
}

const MAX_WORD = 100;

/** Levenshtein's distance: insertions, deletions, substitutions; and two letters that have changed places count once. */
function editDistance(a: string, b: string): number {
  let above: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      const swap = swapped ? (above[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      current.push(Math.min(substitution, swap, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    above = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}
