/** Reads endpoints from keys of etcd. */
import type { EtcdEntry } from "../../../remote/etcd/etcd.ts";
import type { ListedEndpoint } from "../../endpoint-source.ts";
import { EndpointCollector, type EndpointList } from "../endpoint-list.ts";
import { readEndpointRecord } from "../endpoint-record.ts";

const maxKeyChars = 100;

/**
 * Reads what is under one prefix, again and again. Each entry is an endpoint. If several have the same URL, the one whose
 * key came last holds: a process that starts again may be there before the key of its forerunner has gone with its
 * lease. A key whose value turns into nonsense stays what it was, and that is said.
 *
 * The identity of an endpoint is what its record says. If it says nothing and its key has a lease, it is the revision at
 * which the key came into being: the key went when its process did, so another such key is another process. A key
 * without a lease belongs to no process; somebody who writes it again means the same endpoint.
 */
export class EtcdEndpoints {
  readonly #prefix: string;
  /** What the keys said last that could be read. */
  #known: ReadonlyMap<string, ListedEndpoint> = new Map();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** @returns the list; or a sentence if there are keys and not one of them is an endpoint */
  read(entries: Iterable<EtcdEntry>): EndpointList | string {
    const known = new Map<string, ListedEndpoint>();
    const byUrl = new Map<string, { readonly endpoint: ListedEndpoint; readonly since: number }>();
    const list = new EndpointCollector();
    for (const entry of entries) {
      let endpoint: ListedEndpoint | string | undefined = readEtcdEndpoint(entry);
      if (typeof endpoint === "string") {
        list.add(`${shownKey(entry.key, this.#prefix)}: ${endpoint}`);
        endpoint = this.#known.get(entry.key);
        if (endpoint === undefined) continue;
      }
      known.set(entry.key, endpoint);
      const since = Number(entry.createRevision);
      if ((byUrl.get(endpoint.url)?.since ?? -1) < since) byUrl.set(endpoint.url, { endpoint, since });
    }
    this.#known = known;
    for (const { endpoint } of byUrl.values()) list.add(endpoint);
    if (list.endpoints.length === 0 && list.refusedCount > 0)
      return `none of the keys (${list.refusedCount}) is an endpoint: ${list.refused[0] ?? ""}`;
    return list;
  }
}

function readEtcdEndpoint({ value, createRevision, lease }: EtcdEntry): ListedEndpoint | string {
  const read = readEndpointRecord(value);
  if (typeof read === "string" || read.identity !== null || lease === "0") return read;
  return { ...read, identity: createRevision };
}

/** Keys may be anything: what is shown is bounded, in one line. */
function shownKey(key: string, prefix: string): string {
  const name = key.slice(prefix.length);
  return JSON.stringify(name.length > maxKeyChars ? `${name.slice(0, maxKeyChars)}…` : name);
}
