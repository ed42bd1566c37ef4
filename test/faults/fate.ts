/** What became of an answer, as its client sees it. */
import type { WireResponse } from "../support/wire-reader.ts";

/**
 * `whole` if all of `body` came, `other` if it was another one, `broken` if the answer broke off or none came; else the
 * status of an answer that the proxy made.
 */
export function fateOf(response: WireResponse | null, body: string): string {
  if (response === null || !response.isComplete) return "broken";
  if (response.status !== 200) return String(response.status);
  return response.body.toString() === body ? "whole" : "other";
}
