/** What an Accept value prefers (RFC 9110 section 12.5.1). */
import { walkWeighted } from "./weighted-list.ts";

/** The ranges that `prefersJson` looks for: those of JSON, then those of text, the most specific first. */
const ranges = ["application/json", "application/*", "*/*", "text/plain", "text/*"] as const;
const json = [0, 1, 2] as const;
const plain = [3, 4, 2] as const;

/** Does an Accept value rank JSON above plain text? */
export function prefersJson(accept: string | null): boolean {
  if (accept === null || !/json/i.test(accept)) return false;
  const weights: (number | undefined)[] = [];
  walkWeighted(accept, (range, weight) => {
    const index = ranges.indexOf(range as (typeof ranges)[number]);
    if (index !== -1) weights[index] ??= weight;
  });
  return firstOf(weights, json) > firstOf(weights, plain);
}

function firstOf(weights: readonly (number | undefined)[], indexes: readonly number[]): number {
  for (const index of indexes) if (weights[index] !== undefined) return weights[index];
  return 0;
}
