/**
 * Quantities as people write them: durations (`10s`), sizes (`64KiB`), rates (`100/s`) and shares (`20%`). Parsers
 * throw `RangeError` with a sentence fit for the user; what they take of durations and sizes, the formatters write
 * back.
 */

const durationUnits: readonly (readonly [unit: string, ms: number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
];

const sizeUnits: readonly (readonly [unit: string, bytes: number])[] = [
  ["TiB", 2 ** 40],
  ["TB", 1e12],
  ["GiB", 2 ** 30],
  ["GB", 1e9],
  ["MiB", 2 ** 20],
  ["MB", 1e6],
  ["KiB", 2 ** 10],
  ["kB", 1e3],
  ["B", 1],
];

/** The longest duration there is: 24 days, the most that a Node.js timer can wait. */
export const maxDurationMs = 24 * 86_400_000;

/** So many events in so many milliseconds. */
export interface Rate {
  readonly count: number;
  readonly perMs: number;
}

const quote = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);

/**
 * Milliseconds of a duration such as `250ms`, `10s`, `1.5s` or `1h30m`: numbers with units d, h, m, s, ms, each unit
 * once, largest first.
 * @throws RangeError without a unit, for anything else, and above `maxDurationMs`.
 */
export function parseDuration(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text))
    throw new RangeError(`${quote(text)} has no unit; write ${quote(`${text}s`)} or ${quote(`${text}ms`)}`);
  if (!/^(\d+(\.\d+)?[a-z]+)+$/.test(text))
    throw new RangeError(`${quote(text)} is not a duration; write for example "10s", "250ms" or "1h30m"`);
  let totalMs = 0;
  let nextUnit = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)([a-z]+)/g)) {
    const at = durationUnits.findIndex(([name]) => name === unit);
    if (at === -1)
      throw new RangeError(
        `${quote(text)} has the unknown unit ${quote(unit ?? "")}; durations know d, h, m, s and ms`,
      );
    if (at < nextUnit)
      throw new RangeError(`${quote(text)} is not a duration: each unit once, the largest first, as in "1h30m"`);
    nextUnit = at + 1;
    totalMs += Number(amount) * (durationUnits[at]?.[1] ?? 0);
  }
  if (totalMs > maxDurationMs)
    throw new RangeError(`${quote(text)} is too long; at most ${formatDuration(maxDurationMs)}`);
  // Decimal fractions such as 0.1h leave binary dust; a microsecond is finer than any clock here.
  return Math.round(totalMs * 1_000) / 1_000;
}

/**
 * A duration as `parseDuration` reads it: `1h30m`, `250ms`; `0s` for none. Fractions of a millisecond are kept to the
 * microsecond.
 */
export function formatDuration(ms: number): string {
  let rest = Math.round(ms * 1_000) / 1_000;
  if (rest === 0) return "0s";
  let text = "";
  for (const [unit, unitMs] of durationUnits) {
    const count = unit === "ms" ? rest : Math.floor(rest / unitMs);
    if (count === 0) continue;
    text += `${Math.round(count * 1_000) / 1_000}${unit}`;
    rest = Math.round((rest - count * unitMs) * 1_000) / 1_000;
  }
  return text;
}

/**
 * Bytes of a size such as `64KiB`, `1MB` or `512` (bytes). KiB, MiB, GiB, TiB are powers of 1,024; kB, MB, GB, TB
 * powers of 1,000.
 * @throws RangeError for unknown or ambiguous units and for fractions of a byte.
 */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(text);
  if (match === null) throw new RangeError(`${quote(text)} is not a size; write for example "64KiB", "1MB" or "512B"`);
  const [, amount = "", unit = ""] = match;
  const known = sizeUnits.find(([name]) => name === (unit === "" ? "B" : unit) || (unit === "KB" && name === "kB"));
  if (known === undefined) {
    const letter = unit.charAt(0).toUpperCase();
    const hint = "KMGT".includes(letter)
      ? `write ${letter}iB (powers of 1,024) or ${letter === "K" ? "k" : letter}B (powers of 1,000)`
      : "sizes know B, kB, MB, GB, TB, KiB, MiB, GiB and TiB";
    throw new RangeError(`${quote(text)} has the unknown unit ${quote(unit)}; ${hint}`);
  }
  const exact = Number(amount) * known[1];
  const bytes = Math.round(exact);
  // 0.1kB is 100 bytes, apart from rounding in binary.
  if (!Number.isSafeInteger(bytes) || Math.abs(exact - bytes) > 1e-6)
    throw new RangeError(`${quote(text)} is not a whole number of bytes within bounds`);
  return bytes;
}

/** A size as `parseSize` reads it, exact, in the largest unit that divides it: `64KiB`, `1MB`, `1025B`. */
export function formatSize(bytes: number): string {
  if (bytes === 0) return "0B";
  let shortest = `${bytes}B`;
  for (const [unit, unitBytes] of sizeUnits) {
    const text = `${bytes / unitBytes}${unit}`;
    if (bytes % unitBytes === 0 && text.length < shortest.length) shortest = text;
  }
  return shortest;
}

/**
 * A rate such as `100/s`, `5/m` or `10/250ms`: a whole number, a slash, a unit or duration.
 * @throws RangeError for anything else, and for a count of 0.
 */
export function parseRate(text: string): Rate {
  const match = /^(\d+)\/(\d[\d.a-z]*|d|h|m|s|ms)$/.exec(text);
  if (match === null)
    throw new RangeError(`${quote(text)} is not a rate; write for example "100/s", "5/m" or "10/250ms"`);
  const [, count = "", per = ""] = match;
  const perMs = parseDuration(/^\d/.test(per) ? per : `1${per}`);
  if (Number(count) === 0 || perMs === 0 || !Number.isSafeInteger(Number(count)))
    throw new RangeError(`${quote(text)} is not a rate: both sides of the slash must be above zero`);
  return { count: Number(count), perMs };
}

/**
 * The fraction (0 to 1) of a share such as `20%` or `2.5%`.
 * @throws RangeError without the percent sign and above 100 %.
 */
export function parsePercent(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?%$/.exec(text);
  if (match === null) throw new RangeError(`${quote(text)} is not a percentage; write for example "20%"`);
  const percent = Number(match[1]);
  if (percent > 100) throw new RangeError(`${quote(text)} is more than 100%`);
  return percent / 100;
}
