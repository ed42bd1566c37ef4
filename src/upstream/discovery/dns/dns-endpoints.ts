/** Makes endpoints of addresses and of SRV records. */
import type { DnsRecord } from "../../../remote/dns/dns-message.ts";
import { isHostAddress } from "../../names/host-address.ts";
import { EndpointCollector, type EndpointList } from "../endpoint-list.ts";
import { readEndpointRecord } from "../endpoint-record.ts";
import { maxWeight } from "../../endpoint.ts";

interface Place {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly backup: boolean;
}

/**
 * How much heavier than a weight of 0 the others are made if both are there: RFC 2782 gives such a record a very small
 * chance, and a weight of 0 would be none here.
 */
const zeroFactor = 100;

/** Endpoints of the same weight, one for each address. */
export function toHostEndpoints(scheme: string, port: number, addresses: readonly string[]): EndpointList {
  return toList(
    scheme,
    addresses.map((address) => ({ address, port, weight: 1, backup: false })),
  );
}

/**
 * The endpoints of a service in an order that does not depend on that of the records. Those of the lowest priority
 * serve, the others are backups. An address of several records is that of the first.
 */
export function toServiceEndpoints(
  scheme: string,
  records: readonly DnsRecord[],
  addressesOf: (target: string) => readonly string[],
): EndpointList {
  const usable = records.filter(({ value, port }) => value !== "" && port !== 0);
  const ordered = usable.toSorted(
    (a, b) => a.priority - b.priority || compareText(a.value, b.value) || a.port - b.port || b.weight - a.weight,
  );
  const first = ordered[0]?.priority ?? 0;
  const places = [...Map.groupBy(ordered, ({ priority }) => priority)].flatMap(([priority, group]) => {
    const weigh = weigher(group);
    return group.flatMap(({ value, port, weight }) =>
      addressesOf(value).map((address) => ({
        address,
        port,
        weight: weigh(weight),
        backup: priority !== first,
      })),
    );
  });
  const list = toList(scheme, places);
  for (const { value, port } of records) if (value !== "" && port === 0) list.add(`the record of ${value} has no port`);
  return list;
}

/** Is every record the one that says that there is no such service (RFC 2782, target ".")? */
export function saysNoService(records: readonly DnsRecord[]): boolean {
  return records.length > 0 && records.every(({ value }) => value === "");
}

/** Weights are shares: if all are 0, all are equal; if some are, these are very small. */
function weigher(group: readonly DnsRecord[]): (weight: number) => number {
  const heaviest = Math.max(...group.map(({ weight }) => weight));
  if (heaviest === 0) return () => 1;
  const hasZero = group.some(({ weight }) => weight === 0);
  const factor = hasZero ? Math.max(1, Math.min(zeroFactor, Math.floor(maxWeight / heaviest))) : 1;
  return (weight) => (weight === 0 ? 1 : weight * factor);
}

function toList(scheme: string, places: readonly Place[]): EndpointCollector {
  const list = new EndpointCollector();
  const urls = new Set<string>();
  for (const { address, port, weight, backup } of places) {
    const url = `${scheme}://${address.includes(":") ? `[${address}]` : address}:${port}`;
    if (urls.has(url)) continue;
    urls.add(url);
    list.add(
      isHostAddress(address) ? readEndpointRecord({ url, weight, backup }) : `${address} is no address of an endpoint`,
    );
  }
  return list;
}

function compareText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
