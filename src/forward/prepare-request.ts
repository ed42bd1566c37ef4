/**
 * The last form of a request before it goes to an endpoint: what its client and its route have made of it, and the
 * fields that say on whose behalf it comes (RFC 9110 section 7.6).
 */
import { forwardingFields, type ViaMode } from "../http/forwarding-fields.ts";
import type { Exchange } from "../http/exchange.ts";
import type { OutgoingRequest } from "../http/outgoing-request.ts";

/** What goes to the endpoint for `exchange`. @param via what becomes of Via unless the route removes it */
export function prepareRequest(exchange: Exchange, via: ViaMode): OutgoingRequest {
  const { request, requestId, changedRequest } = exchange;
  const prefix = exchange.forwardingPrefix!;
  if (changedRequest === null) return exchange.outgoingWith(forwardingFields(prefix, request, requestId, via));
  const lines = forwardingFields(prefix, request, requestId, changedRequest.hidesVia ? "remove" : via);
  const { strippedPrefix } = changedRequest;
  return exchange.outgoingWith(strippedPrefix === "" ? lines : `X-Forwarded-Prefix: ${strippedPrefix}\r\n${lines}`);
}
