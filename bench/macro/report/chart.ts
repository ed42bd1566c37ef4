import type { BenchResults } from "../results.ts";

export function renderChart(_results: BenchResults): string {
  return "";
}
