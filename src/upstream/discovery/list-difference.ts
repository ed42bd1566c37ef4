/** What is different between two lists of endpoints, for the log. */
import type { ListedEndpoint, ListPatch } from "../endpoint-source.ts";

/** How many URLs a log line names of a kind. */
const maxNamed = 10;

/** The URLs that came, went, and are there with another weight, role, zone or identity. Absent if there are none. */
export interface ListDifference {
  readonly came?: string;
  readonly went?: string;
  readonly changed?: string;
}

/** Says in words what `patch` changes in `before`. Bounded, however much that is. */
export function describeListDifference(before: readonly ListedEndpoint[], patch: ListPatch): ListDifference {
  const known = new Map(before.map((endpoint) => [endpoint.url, endpoint]));
  const came: string[] = [];
  const changed: string[] = [];
  for (const endpoint of patch.changed) {
    const earlier = known.get(endpoint.url);
    if (earlier === undefined) came.push(endpoint.url);
    else changed.push(sayChange(earlier, endpoint));
  }
  return {
    ...(came.length > 0 && { came: nameSome(came) }),
    ...(patch.gone.length > 0 && { went: nameSome(patch.gone) }),
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
