/**
 * Content codings (RFC 9110 sections 8.4 and 12.5.3): what an Accept-Encoding value accepts, which of the codings on
 * offer suits it best, and the shortest value that says the same about a few of them.
 *
 * What is doubtful counts as not accepted: a malformed weight is 0, a coding that is listed twice has the lower weight.
 */
import { walkWeighted } from "./weighted-list.ts";

/** The content codings that are known here, in the order in which we prefer them: `x-gzip` is `gzip` (section 8.4.1.3). */
export const codings = ["zstd", "br", "gzip", "deflate"] as const;
export type Coding = (typeof codings)[number];

const names: readonly string[] = [...codings, "identity", "*"];
const identityIndex = codings.length;
const anyIndex = codings.length + 1;

/** What an Accept-Encoding value says. */
export class AcceptedCodings {
  readonly #weights: readonly (number | undefined)[];

  /** @param weights of `codings`, `identity` and `*`; undefined = it is not listed */
  constructor(weights: readonly (number | undefined)[]) {
    this.#weights = weights;
  }

  /** The weight of `coding`: above 0 it is accepted. */
  weightOf(coding: Coding): number {
    return this.#weights[codings.indexOf(coding)] ?? this.#weights[anyIndex] ?? 0;
  }

  /**
   * The weight of a body without a coding if it is listed, 0 if it is refused. Null if nothing is said: it is accepted,
   * and any coding that is accepted is preferred to it.
   */
  get identityWeight(): number | null {
    return this.#weights[identityIndex] ?? (this.#weights[anyIndex] === 0 ? 0 : null);
  }
}

const onlyIdentity = new AcceptedCodings([]);

/**
 * Reads an Accept-Encoding value, its lines joined. Never throws. @param value null = there is none: then nothing but
 * identity counts as accepted, although section 12.5.3 would allow anything. Such clients cannot decode.
 */
export function parseAcceptEncoding(value: string | null): AcceptedCodings {
  if (value === null) return onlyIdentity;
  const weights: (number | undefined)[] = [];
  walkWeighted(value, (name, weight) => {
    const index = names.indexOf(name === "x-gzip" ? "gzip" : name);
    if (index !== -1) weights[index] = Math.min(weights[index] ?? 1, weight);
  });
  return new AcceptedCodings(weights);
}

/**
 * Which of `offered` an answer to a request with this Accept-Encoding value is to have: the one with the highest
 * weight, among equals the first of `offered`. "identity" if none is accepted, or if identity is listed with a higher
 * weight than any; also if identity is refused: section 12.5.3 allows that, and an answer is worth more than a 406.
 */
export function negotiateCoding(value: string | null, offered: readonly Coding[]): Coding | "identity" {
  if (value === null || value === "") return "identity";
  const accepted = parseAcceptEncoding(value);
  let best: Coding | "identity" = "identity";
  let bestWeight = 0;
  for (const coding of offered) {
    const weight = accepted.weightOf(coding);
    if (weight <= bestWeight) continue;
    best = coding;
    bestWeight = weight;
  }
  return bestWeight < (accepted.identityWeight ?? 0) ? "identity" : best;
}

/**
 * An Accept-Encoding value that accepts of `offered` what `value` accepts, and no other coding: `zstd, gzip`, or
 * `identity` if it accepts none of them, or prefers identity to all of them. Values that say the same become the same
 * text, whatever their weights, spelling and order: for keys of a cache, and for the request that goes on, so that an
 * answer is never in a coding that the key does not tell.
 * @param value null = there is none @param offered in the order in which they are written
 */
export function reduceAcceptEncoding(value: string | null, offered: readonly Coding[] = codings): string {
  if (negotiateCoding(value, offered) === "identity") return "identity";
  const accepted = parseAcceptEncoding(value);
  return offered.filter((coding) => accepted.weightOf(coding) > 0).join(", ");
}
