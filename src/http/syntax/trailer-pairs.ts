/** The trailers of a protocol that has its fields as pairs, in requests and answers alike. */
import { Fields } from "../fields.ts";
import { findPairsProblem, isOfConnection, type PairsLimits, type PairsProblem } from "./pair-fields.ts";
import { specialOfName } from "./special-fields.ts";
import { isTrailerName } from "./trailer-fields.ts";

/**
 * What may travel of the trailers `pairs`: name, value, name, value, …, latin1. @returns it, null if that is nothing, or
 * why they are refused
 */
export function readTrailerPairs(pairs: readonly string[], limits: PairsLimits): Fields | PairsProblem | null {
  const problem = findPairsProblem(pairs, 0, limits);
  if (problem !== null) return problem;
  const kept: string[] = [];
  for (let at = 0; at < pairs.length; at += 2) {
    const name = pairs[at]!;
    if (isOfConnection(name, specialOfName(name))) return "bad field";
    if (isTrailerName(name)) kept.push(name, pairs[at + 1]!);
  }
  return kept.length === 0 ? null : Fields.ofPairs(kept);
}
