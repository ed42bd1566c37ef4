/**
 * The endpoints of an upstream from the slices of its Service: their union, each pod once.
 *
 * A pod may be in two slices for a moment (the controller moves it), and in one slice for each address family; an
 * address may be that of two pods for a moment (the old one is going). What counts is then the preferred family, the
 * later slice, and the pod that is ready.
 */
import { readEndpointRecord } from "../endpoint-record.ts";
import { ipVersion } from "../../../base/ip-address.ts";
import { maxDiscoveredEndpoints } from "../discovery.ts";
import type { ListedEndpoint } from "../../endpoint-source.ts";
import { isHostAddress } from "../../names/host-address.ts";
import { type EndpointSlice, isLater, type SliceEndpoint, type SlicePort } from "./endpoint-slice.ts";

/** The schemes of endpoints. */
export type SliceScheme = "http" | "https" | "tcp" | "udp";

/** What an upstream wants of slices. */
export interface SliceView {
  /** The name of a port of the Service, the number of a port of the pods, or null for the only one there is. */
  readonly port: string | number | null;
  /** null: as the port's `appProtocol` says, else `http`. */
  readonly scheme: SliceScheme | null;
  /** Which address is used of a pod that has both. */
  readonly family: "IPv4" | "IPv6";
}

/** What the slices say to an upstream. */
export interface SliceEndpoints {
  readonly endpoints: readonly ListedEndpoint[];
  readonly refused: readonly string[];
  /** All that the slices hold, in whatever condition (`keyOf`). */
  readonly present: ReadonlySet<string>;
}

/** What tells an endpoint from another: its address, and who is behind it. */
export function keyOf({ url, identity }: Pick<ListedEndpoint, "url" | "identity">): string {
  return `${url} ${identity ?? ""}`;
}

/** A pod at an address, as one slice has it. */
interface Candidate {
  readonly slice: EndpointSlice;
  readonly endpoint: SliceEndpoint;
  readonly listed: ListedEndpoint;
}

/** The endpoints that `slices` hold for `view`, in the order of their URLs. */
export function toEndpoints(slices: Iterable<EndpointSlice>, view: SliceView): SliceEndpoints {
  const refused = new Set<string>();
  const present = new Set<string>();
  const byPod = new Map<string, Candidate>();
  for (const slice of slices) {
    for (const sentence of slice.refused) refused.add(sentence);
    if (slice.endpoints.length === 0) continue;
    const port = choosePort(slice, view);
    if (typeof port === "string") {
      refused.add(port);
      continue;
    }
    for (const endpoint of slice.endpoints) {
      const listed = toListed(slice, endpoint, { port, scheme: view.scheme ?? schemeOf(port) });
      if (typeof listed === "string") {
        refused.add(listed);
        continue;
      }
      const candidate = { slice, endpoint, listed };
      present.add(keyOf(listed));
      const pod = endpoint.uid ?? listed.url;
      const known = byPod.get(pod);
      if (known === undefined || isBetterWord(candidate, known, view.family)) byPod.set(pod, candidate);
    }
  }
  const byUrl = new Map<string, Candidate>();
  for (const candidate of byPod.values()) {
    const known = byUrl.get(candidate.listed.url);
    if (known === undefined || isBetterPod(candidate, known)) byUrl.set(candidate.listed.url, candidate);
  }
  const endpoints = weigh([...byUrl.values()]);
  if (endpoints.length > maxDiscoveredEndpoints)
    refused.add(`there are ${endpoints.length} endpoints; the first ${maxDiscoveredEndpoints} are taken`);
  return { endpoints: endpoints.slice(0, maxDiscoveredEndpoints), refused: [...refused], present };
}

/** Which port of `slice` is meant. @returns a sentence if it has none */
function choosePort(slice: EndpointSlice, { port, scheme }: SliceView): (SlicePort & { number: number }) | string {
  const protocol = scheme === "udp" ? "UDP" : "TCP";
  const ports = slice.ports.filter((one) => one.protocol === protocol);
  const chosen =
    typeof port === "string"
      ? ports.find(({ name }) => name === port)
      : typeof port === "number"
        ? // A port without a number stands for all; no ports at all is what a Service without ports has.
          (ports.find(({ number }) => number === port) ?? ports.find(({ number }) => number === null))
        : ports.length === 1
          ? ports[0]
          : undefined;
  if (typeof port === "number" && slice.ports.length === 0)
    return { name: "", number: port, protocol, appProtocol: null };
  const number = chosen?.number ?? (typeof port === "number" ? port : null);
  if (chosen !== undefined && number !== null) return { ...chosen, number };
  const has = ports.map(({ name, number: at }) => `${name === "" ? "without a name" : name} (${at ?? "any"})`);
  const wanted =
    port === null
      ? "not one port alone; say which by `port`"
      : `no ${protocol} port ${String(port)}, a port of its pods`;
  return `the slice ${slice.name} has ${wanted}: it has ${has.length === 0 ? "none" : has.slice(0, 5).join(", ")}`;
}

function schemeOf({ appProtocol }: SlicePort): SliceScheme {
  return appProtocol?.toLowerCase() === "https" || appProtocol === "kubernetes.io/wss" ? "https" : "http";
}

function toListed(
  slice: EndpointSlice,
  { address, zone, uid }: SliceEndpoint,
  { port, scheme }: { readonly port: { readonly number: number }; readonly scheme: SliceScheme },
): ListedEndpoint | string {
  const version = slice.addressType === "IPv4" ? 4 : slice.addressType === "IPv6" ? 6 : 0;
  if (ipVersion(address) !== version || (version > 0 && !isHostAddress(address)))
    return `the slice ${slice.name} has an address that is none of an endpoint`;
  const host = slice.addressType === "IPv6" ? `[${address}]` : address;
  const url = `${scheme}://${host}:${port.number}`;
  const listed = readEndpointRecord({ url, zone, identity: uid });
  return typeof listed === "string" ? `the slice ${slice.name} has an endpoint that is none` : listed;
}

/** Of two words about one pod. */
function isBetterWord(one: Candidate, known: Candidate, family: "IPv4" | "IPv6"): boolean {
  if (one.slice.addressType !== known.slice.addressType) return one.slice.addressType === family;
  return isLater(one.slice.version, known.slice.version);
}

/** Of two pods at one address. */
function isBetterPod(one: Candidate, known: Candidate): boolean {
  const oneRank = rankOf(one.endpoint);
  const knownRank = rankOf(known.endpoint);
  return oneRank === knownRank ? isLater(one.slice.version, known.slice.version) : oneRank > knownRank;
}

function rankOf({ isReady, isServing, isTerminating }: SliceEndpoint): number {
  if (isReady) return 3;
  return isServing && isTerminating ? 2 : isTerminating ? 0 : 1;
}

/**
 * Those that are ready; those that are going away but serve still, without a share of the traffic, or, if nothing is
 * ready, with it.
 */
function weigh(candidates: readonly Candidate[]): ListedEndpoint[] {
  const ready = candidates.filter(({ endpoint }) => endpoint.isReady);
  const going = candidates.filter(({ endpoint }) => rankOf(endpoint) === 2);
  return [
    ...ready.map(({ listed }) => listed),
    ...going.map(({ listed }) => ({ ...listed, weight: ready.length > 0 ? 0 : 1 })),
  ].sort((one, other) => (one.url < other.url ? -1 : 1));
}
