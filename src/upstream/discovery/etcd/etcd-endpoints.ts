/** Reads endpoints from keys of etcd. */
import type { EtcdEntry } from "../../../remote/etcd/etcd.ts";
import { maxDiscoveredEndpoints } from "../discovery.ts";
import { readEndpointRecord } from "../endpoint-record.ts";
import type { ListedEndpoint } from "../../endpoint-source.ts";

const maxRefused = 20;
const maxKeyChars = 100;

/** What the keys say, and why some of them say nothing. */
export interface EtcdEndpoints {
  readonly endpoints: readonly ListedEndpoint[];
  readonly refused: readonly string[];
}

/**
 * Each entry is an endpoint. If several have the same URL, the one whose key came last holds: a process that starts again
 * may be there before the key of its forerunner has gone with its lease.
 *
 * The identity of an endpoint is what its record says. If it says nothing and its key has a lease, it is the revision at
 * which the key came into being: the key went when its process did, so another such key is another process. A key
 * without a lease belongs to no process; somebody who writes it again means the same endpoint.
 */
export function readEtcdEndpoints(entries: Iterable<EtcdEntry>, prefix: string): EtcdEndpoints {
  const byUrl = new Map<string, { readonly endpoint: ListedEndpoint; readonly since: number }>();
  const refused: string[] = [];
  let refusals = 0;
  const refuse = (key: string, reason: string): void => {
    if (++refusals <= maxRefused) refused.push(`${shownKey(key, prefix)}: ${reason}`);
  };
  for (const { key, value, createRevision, lease } of entries) {
    const read = readEndpointRecord(value);
    if (typeof read === "string") {
      refuse(key, read);
      continue;
    }
    const since = Number(createRevision);
    const known = byUrl.get(read.url);
    if (known !== undefined && known.since >= since) continue;
    if (known === undefined && byUrl.size >= maxDiscoveredEndpoints) {
      refuse(key, `there are ${maxDiscoveredEndpoints} endpoints already`);
      continue;
    }
    const endpoint = read.identity === null && lease !== "0" ? { ...read, identity: createRevision } : read;
    byUrl.set(read.url, { endpoint, since });
  }
  if (refusals > maxRefused) refused.push(`${refusals - maxRefused} more`);
  return { endpoints: [...byUrl.values()].map(({ endpoint }) => endpoint), refused };
}

/** Keys may be anything: what is shown is bounded, in one line. */
function shownKey(key: string, prefix: string): string {
  const name = key.slice(prefix.length);
  return JSON.stringify(name.length > maxKeyChars ? `${name.slice(0, maxKeyChars)}…` : name);
}
