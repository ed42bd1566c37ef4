/**
 * What may stand in the fields of a protocol that has them as pairs of name and value, pseudo-fields before them (RFC
 * 9113 sections 8.2 and 8.3), in requests, answers and trailers alike.
 */
import { isFieldValue, isToken } from "../field-text.ts";
import { targetTable } from "./characters.ts";
import { Special, specialTable } from "./special-fields.ts";

/** Of a field section; what is larger is refused. */
export interface PairsLimits {
  /** Characters of names and values together. */
  readonly maxBytes: number;
  readonly maxFields: number;
}

/** Why a field section is refused. */
export type PairsProblem = "bad field" | "too many fields" | "too large";

/** Checks the fields of `pairs` from the index `from` on, behind all pseudo-fields. @returns what is wrong with them, or null */
export function findPairsProblem(
  pairs: readonly string[],
  from: number,
  { maxBytes, maxFields }: PairsLimits,
): PairsProblem | null {
  let byteCount = 0;
  for (let at = from; at < pairs.length; at += 2) {
    const name = pairs[at]!;
    const value = pairs[at + 1]!;
    if (!isToken(name) || /[A-Z]/.test(name)) return "bad field";
    if (!isFieldValue(value) || /^[\t ]|[\t ]$/.test(value)) return "bad field";
    byteCount += name.length + value.length;
  }
  if (pairs.length - from > 2 * maxFields) return "too many fields";
  return byteCount > maxBytes ? "too large" : null;
}

/** Is this the name of a pseudo-field? */
export function isPseudo(name: string): boolean {
  return name.charCodeAt(0) === 58;
}

/** Does `text` consist of the characters of a target, at least one? */
export function isTarget(text: string): boolean {
  for (let at = 0; at < text.length; at++) if ((targetTable[text.charCodeAt(at)] ?? 0) === 0) return false;
  return text !== "";
}

const connectionSpecials = specialTable(
  Special.connection,
  Special.keepAlive,
  Special.transferEncoding,
  Special.upgrade,
);
const connectionNames: ReadonlySet<string> = new Set(["proxy-connection", "http2-settings"]);

/** Does the field speak of a connection? Beside pseudo-fields it is malformed (RFC 9113 section 8.2.2). */
export function isOfConnection(name: string, special: Special): boolean {
  return connectionSpecials[special] === 1 || connectionNames.has(name);
}
