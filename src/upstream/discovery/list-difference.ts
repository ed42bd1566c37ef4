/** What is different between two lists of endpoints, for the log. */
import { isDeepStrictEqual } from "node:util";
import type { ListedEndpoint } from "../endpoint-source.ts";

/** How many URLs a log line names of a kind. */
const maxNamed = 10;

/** The URLs that came, went, and are there with another weight, role, zone or identity. Absent if there are none. */
export interface ListDifference {
  readonly came?: string;
  readonly went?: string;
  readonly changed?: string;
}

/** Says in words how `next` differs from `before`. Bounded, however many there are. */
export function describeListDifference(
  before: readonly ListedEndpoint[],
  next: readonly ListedEndpoint[],
): ListDifference {
  const known = new Map(before.map((endpoint) => [endpoint.url, endpoint]));
  const came: string[] = [];
  const changed: string[] = [];
  for (const endpoint of next) {
    const earlier = known.get(endpoint.url);
    known.delete(endpoint.url);
    if (earlier === undefined) came.push(endpoint.url);
    else if (earlier !== endpoint && !isDeepStrictEqual(earlier, endpoint)) changed.push(sayChange(earlier, endpoint));
  }
  return {
    ...(came.length > 0 && { came: nameSome(came) }),
    ...(known.size > 0 && { went: nameSome([...known.keys()]) }),
    ...(changed.length > 0 && { changed: nameSome(changed) }),
  };
}

function sayChange(before: ListedEndpoint, next: ListedEndpoint): string {
  const parts: string[] = [];
  if (before.weight !== next.weight) parts.push(`weight ${before.weight} to ${next.weight}`);
  if (before.identity !== next.identity) parts.push("another at this address");
  if (before.backup !== next.backup) parts.push(next.backup ? "now a backup" : "no longer a backup");
  if (before.zone !== next.zone) parts.push(`zone ${next.zone ?? "unknown"}`);
  return parts.length === 0 ? next.url : `${next.url} (${parts.join(", ")})`;
}

function nameSome(texts: readonly string[]): string {
  const more = texts.length - maxNamed;
  return texts.slice(0, maxNamed).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
