/**
 * What an instance tells others of the requests that it has admitted: the counts of its last rounds, as text. A round is
 * told several times, so that one who misses a version of the text misses no count. Whoever reads it trusts nothing.
 */

/** What was counted in one round: by limit, by key. */
export type Counts = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** One round of an instance. */
export interface Round {
  /** Grows by one from round to round; begins anew with the instance. */
  readonly number: number;
  readonly counts: Counts;
}

/** So many rounds are told at a time. */
const toldRounds = 5;
/** A text with more is not one of ours. */
const maxKeys = 5_000;
const maxLength = 1_000_000;
const maxCount = 1_000_000_000;

/** `rounds` with `round`, without those that are not told any more. */
export function withRound(rounds: readonly Round[], round: Round): readonly Round[] {
  return [...rounds, round].slice(-toldRounds);
}

/** Writes rounds. */
export function writeRounds(rounds: readonly Round[]): string {
  return JSON.stringify(
    rounds.map(({ number, counts }) => [
      number,
      Object.fromEntries([...counts].map(([limit, keys]) => [limit, [...keys].flat()])),
    ]),
  );
}

/** Reads what `writeRounds` has written; null if it is something else. Never throws. */
export function readRounds(text: string): Round[] | null {
  if (text.length > maxLength) return null;
  try {
    const value: unknown = JSON.parse(text);
    if (!Array.isArray(value) || value.length > toldRounds) return null;
    const budget = { keys: maxKeys };
    return value.map((round) => readRound(round, budget));
  } catch {
    return null;
  }
}

/** @throws RangeError for whatever is no round */
function readRound(value: unknown, budget: { keys: number }): Round {
  const [number, limits] = Array.isArray(value) ? (value as unknown[]) : [];
  if (!isCount(number) || typeof limits !== "object" || limits === null) throw new RangeError("not a round");
  return {
    number,
    counts: new Map(Object.entries(limits).map(([limit, keys]) => [limit, readKeys(keys, budget)])),
  };
}

function readKeys(value: unknown, budget: { keys: number }): Map<string, number> {
  const keys = new Map<string, number>();
  if (!Array.isArray(value)) throw new RangeError("not a list of keys");
  for (let at = 0; at < value.length; at += 2) {
    const [key, count] = [value[at] as unknown, value[at + 1] as unknown];
    if (typeof key !== "string" || !isCount(count) || --budget.keys < 0) throw new RangeError("not a key");
    keys.set(key, count);
  }
  return keys;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= maxCount;
}
