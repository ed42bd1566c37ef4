/** Finds what somebody meant to write. */

/**
 * The number of letters to insert, delete, replace or swap with their neighbour to turn `from` into `to`
 * (optimal string alignment, the restricted Damerau-Levenshtein distance).
 */
export function editDistance(from: string, to: string): number {
  const width = to.length + 1;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: width }, (_, at) => at);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column < width; column++) {
      const isSame = from[row - 1] === to[column - 1];
      let best = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (isSame ? 0 : 1),
      );
      if (row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1])
        best = Math.min(best, (beforePrevious[column - 2] ?? 0) + 1);
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[width - 1] ?? 0;
}

/** The candidate that `word` most likely stands for, or null if none is near. Case, `-` and `_` count little. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  if (word.length > 100) return null;
  const plain = (text: string): string => text.toLowerCase().replace(/[-_ ]/g, "");
  const plainWord = plain(word);
  let best: string | null = null;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    if (candidate === word) continue;
    const plainCandidate = plain(candidate);
    let distance = editDistance(plainWord, plainCandidate);
    // A plural, or a word begun: "listen" for "listeners", "endpoint" for "endpoints".
    const isBeginning =
      Math.min(plainWord.length, plainCandidate.length) >= 3 &&
      (plainCandidate.startsWith(plainWord) || plainWord.startsWith(plainCandidate));
    if (isBeginning) distance = Math.min(distance, 1.5);
    const allowed = isBeginning ? 2 : Math.max(1, Math.floor(Math.max(plainWord.length, plainCandidate.length) / 3));
    if (distance <= allowed && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}
