/**
 * Where the endpoints of an upstream come from. A source lives in the control thread; what it gives goes to all proxy
 * threads as a difference (`Upstream.take`), so that whatever is known of an endpoint that stays is kept.
 */
import { isDeepStrictEqual } from "node:util";
import type { DiscoveryReport } from "./discovery/discovery-record.ts";
import type { UpstreamOptions } from "./options.ts";

/** An endpoint as a source gives it: its address in canonical form, its weight, where it is. */
export type ListedEndpoint = UpstreamOptions["endpoints"][number];

/**
 * Gives the endpoints of one upstream: a list at the start, and the next list whenever it changes.
 *
 * A list is complete: an endpoint that is not in it is gone. It may be empty: then requests are answered with 503. The
 * URL is the identity of an endpoint; if a list has a URL twice, its first entry holds.
 */
export interface EndpointSource {
  /** The list as it is now. Immutable: a change is another array. */
  readonly endpoints: readonly ListedEndpoint[];
  /** Settles when the first list is there, or is waited for no longer; default: it is there. Never rejects. */
  readonly ready?: Promise<void>;
  /** Where the list is from, for the log; default: nothing is said. */
  readonly cause?: string;
  /** From now on `onChange` is called after every change of `endpoints`, until `close`. Called once, before any change. */
  watch(onChange: () => void): void;
  /** Ends the source: it neither changes nor calls any more. A promise if it has something left to write. */
  close(): void | Promise<void>;
  /** How it fares, if it is discovered. */
  report?(): DiscoveryReport;
}

/** The list in the configuration: it never changes; a reload that changes it makes another source. */
export class StaticEndpoints implements EndpointSource {
  readonly endpoints: readonly ListedEndpoint[];

  constructor(endpoints: readonly ListedEndpoint[]) {
    this.endpoints = endpoints;
  }

  watch(): void {}

  close(): void {}
}

/** Without entries whose URL has been there before. The same array if there are none. */
export function withUniqueUrls(endpoints: readonly ListedEndpoint[]): readonly ListedEndpoint[] {
  const urls = new Set(endpoints.map(({ url }) => url));
  return urls.size === endpoints.length ? endpoints : endpoints.filter(({ url }) => urls.delete(url));
}

/** What makes a list with unique URLs into the next: what stays keeps its place, and what comes stands behind it. */
export interface ListPatch {
  /** The URLs of endpoints that are gone. */
  readonly gone: readonly string[];
  /** Those that are new, and those of which something else is said than before. */
  readonly changed: readonly ListedEndpoint[];
}

/** The patch that makes `before` say what `next` says, in whatever order; null if it says so already. */
export function findPatch(before: readonly ListedEndpoint[], next: readonly ListedEndpoint[]): ListPatch | null {
  const known = new Map(before.map((endpoint) => [endpoint.url, endpoint]));
  const changed = next.filter((endpoint) => {
    const earlier = known.get(endpoint.url);
    known.delete(endpoint.url);
    return earlier !== endpoint && !isDeepStrictEqual(earlier, endpoint);
  });
  return changed.length === 0 && known.size === 0 ? null : { gone: [...known.keys()], changed };
}

/** The list that `patch` makes of `list`; made of that again, it is the same. */
export function patchList(list: readonly ListedEndpoint[], { gone, changed }: ListPatch): ListedEndpoint[] {
  const leaving = new Set(gone);
  const next = new Map(changed.map((endpoint) => [endpoint.url, endpoint]));
  const patched: ListedEndpoint[] = [];
  for (const endpoint of list) {
    if (!leaving.has(endpoint.url)) patched.push(next.get(endpoint.url) ?? endpoint);
    next.delete(endpoint.url);
  }
  return [...patched, ...next.values()];
}

/** Do two lists with unique URLs say the same, in whatever order? Sources such as DNS shuffle their answers. */
export function isSameList(one: readonly ListedEndpoint[], other: readonly ListedEndpoint[]): boolean {
  if (one.length !== other.length) return false;
  const byUrl = new Map(other.map((endpoint) => [endpoint.url, endpoint]));
  return one.every((endpoint) => isDeepStrictEqual(endpoint, byUrl.get(endpoint.url)));
}
