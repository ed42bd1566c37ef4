/**
 * What an operator does to endpoints while they run: drain, enable, weigh. It is written into the shared table, so all
 * threads follow at their next pick, and lives as long as the endpoint's place there: over reloads that keep the
 * endpoint, not over a restart. A reload that changes the configured weight of an endpoint takes back the weight set
 * here.
 */
import type { EndpointChange, EndpointMissing, EndpointReport } from "../admin/admin-sources.ts";
import type { Logger } from "../observe/logger.ts";
import { parseEndpointAddress } from "../upstream/endpoint-address.ts";
import { EndpointFlag, type EndpointState } from "../upstream/endpoint-state.ts";
import { describeEndpoint } from "./proxy-status.ts";
import type { SharedEndpoint } from "./shared-endpoints.ts";

/** The running endpoints, by upstream. */
export interface ControlledEndpoints {
  readonly upstreamNames: readonly string[];
  of(upstream: string): readonly SharedEndpoint[];
}

/** Drains, enables and weighs endpoints for all threads at once. */
export class EndpointControl {
  readonly #endpoints: ControlledEndpoints;
  readonly #logger: Logger;

  constructor(endpoints: ControlledEndpoints, logger: Logger) {
    this.#endpoints = endpoints;
    this.#logger = logger;
  }

  /** Does `change` (null = nothing) to an endpoint and tells how it is then. */
  apply(upstream: string, endpoint: string, change: EndpointChange | null): EndpointReport | EndpointMissing {
    const { upstreamNames } = this.#endpoints;
    if (!upstreamNames.includes(upstream)) return { missing: "upstream", known: upstreamNames };
    const all = this.#endpoints.of(upstream);
    const found = findEndpoint(all, endpoint);
    if (found === null) return { missing: "endpoint", known: all.map(({ spec }) => spec.url) };
    if (change !== null && changeState(found.state, change))
      this.#logger.info(sentenceOf(change), {
        upstream,
        endpoint: found.spec.url,
        ...(change.kind === "weight" && { weight: change.weight ?? found.spec.weight }),
      });
    return { upstream, endpoint: describeEndpoint(found), takingCount: countTaking(all), endpointCount: all.length };
  }
}

/**
 * The endpoint that `text` names: as configured, without its scheme, or by its position from 0; null if none is
 * meant.
 */
export function findEndpoint<Item extends { readonly spec: { readonly url: string } }>(
  endpoints: readonly Item[],
  text: string,
): Item | null {
  const byUrl = (url: string): Item | null => endpoints.find(({ spec }) => spec.url === url) ?? null;
  if (/^\d{1,5}$/.test(text)) return endpoints[Number(text)] ?? null;
  for (const written of spellingsOf(text)) {
    const found = byUrl(toUrl(written));
    if (found !== null) return found;
  }
  return null;
}

/** Schemes that a name may go without. */
const schemes = ["http", "https", "tcp", "udp"];

/** What may be meant, the likeliest first. */
function spellingsOf(text: string): string[] {
  if (text.startsWith("/")) return [`unix:${text}`];
  if (/^(?:unix:|[a-z][a-z0-9+.-]*:\/\/)/i.test(text)) return [text];
  return [...schemes.map((scheme) => `${scheme}://${text}`), text];
}

function toUrl(written: string): string {
  try {
    return parseEndpointAddress(written).url;
  } catch {
    return written;
  }
}

/** How many take new requests. Ejected ones do if nobody else is left (see `form-groups.ts`). */
function countTaking(endpoints: readonly SharedEndpoint[]): number {
  const weighty = endpoints.filter(({ spec, state }) => (state.weightOverride ?? spec.weight) > 0);
  return (
    weighty.filter(({ state }) => state.isAdmitting).length || weighty.filter(({ state }) => state.isOnlyEjected).length
  );
}

/** @returns whether it made a difference */
function changeState(state: EndpointState, change: EndpointChange): boolean {
  if (change.kind === "weight") {
    const before = state.weightOverride;
    state.weightOverride = change.weight;
    return before !== change.weight;
  }
  const isDraining = state.hasFlag(EndpointFlag.draining);
  if (change.kind === "drain") state.setFlag(EndpointFlag.draining);
  else state.clearFlag(EndpointFlag.draining);
  return isDraining !== (change.kind === "drain");
}

function sentenceOf({ kind }: EndpointChange): string {
  return kind === "drain"
    ? "endpoint is draining"
    : kind === "enable"
      ? "endpoint is enabled"
      : "endpoint has a new weight";
}
