/**
 * The request head as it goes upstream: written anew from what was understood (RFC 9110 section 7.6). Host, framing and
 * hop-by-hop fields are ours; the client's other lines are passed on as the slices they came in.
 */
import { forwardingFields, type ViaMode } from "../http/forwarding-fields.ts";
import { Framing } from "../http/message.ts";
import type { Exchange } from "../http/exchange.ts";
import type { HeaderEdit } from "../middleware/headers/header-edit.ts";
import { type Rewrite, rewriteTarget } from "../middleware/rewrite/rewrite.ts";

/** What a route changes in a request. */
export interface RequestChanges {
  readonly rewrites: readonly Rewrite[];
  readonly edit: HeaderEdit | null;
  readonly via: ViaMode;
}

/**
 * The head for `exchange`, with its empty line. `fallbackAuthority` is the Host for an HTTP/1.0 client that sent none.
 */
export function prepareRequest(exchange: Exchange, changes: RequestChanges, fallbackAuthority: string): string {
  const request = exchange.request;
  let target = request.target;
  let fields = request.keptFields;
  if (changes.rewrites.length > 0) {
    const rewritten = rewriteTarget(changes.rewrites, request);
    target = rewritten.target;
    fields += rewritten.fieldLine;
  }
  if (changes.edit !== null) fields = changes.edit(fields);
  const { length } = exchange.body;
  let tail = "";
  if (length === "unknown") tail = "Transfer-Encoding: chunked\r\n";
  else if (request.framing !== Framing.none) tail = `Content-Length: ${length}\r\n`;
  if (request.expectsContinue) tail += "Expect: 100-continue\r\n";
  // RFC 9110 section 10.1.4: TE goes with its connection option.
  if (exchange.upgrade !== null) tail += `Connection: Upgrade\r\nUpgrade: ${exchange.upgrade}\r\n`;
  else if (request.acceptsTrailers) tail += "TE: trailers\r\nConnection: TE\r\n";
  const authority = request.authority === "" ? fallbackAuthority : request.authority;
  return `${request.method} ${target} HTTP/1.1\r\nHost: ${authority}\r\n${fields}${forwardingFields(exchange.forwardingPrefix!, request, exchange.requestId, changes.via)}${tail}\r\n`;
}
