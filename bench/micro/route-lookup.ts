/** Route look-up among 10,000 routes. */
import type { Samples } from "../macro/results.ts";

export async function measureRouteLookup(_rounds: number): Promise<Samples | null> {
  return null;
}
