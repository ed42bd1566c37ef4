/**
 * The fields of a request as the endpoint will see them, for everything that decides by a field: matchers, keys of
 * limits and balancers, sticky cookies. What a stranger says in a trust field, and what its Connection field takes away
 * (RFC 9110 section 7.6.1), reaches no endpoint and so must decide nothing. The route's own edits come later and are
 * not among them.
 */
import type { Exchange } from "./exchange.ts";
import { fieldValue, listMembers } from "./fields.ts";
import { forwardingFields } from "./forwarding-fields.ts";
import { Framing } from "./message.ts";

/** Finds the value of a field; several lines joined as `fieldValue` does; null where the endpoint will not see it. */
export type SentField = (exchange: Exchange) => string | null;

/** The fields that the proxy writes itself; all others travel as they came. */
const ownFields: Readonly<Record<string, SentField>> = {
  host: ({ request }) => (request.authority === "" ? null : request.authority),
  "content-length": ({ request, body: { length } }) =>
    length === "unknown" || request.framing === Framing.none ? null : String(length),
  "transfer-encoding": ({ body }) => (body.length === "unknown" ? "chunked" : null),
  te: ({ request }) => (request.acceptsTrailers ? "trailers" : null),
  expect: ({ request }) => (request.expectsContinue ? "100-continue" : null),
  // What the client asks of its connection: whether that is granted is for the route to say, which is what may be
  // looked for here.
  connection: ({ request }) => request.field("connection"),
  upgrade: ({ request }) =>
    request.minorVersion === 1 && listMembers(request.field("connection") ?? "").includes("upgrade")
      ? request.field("upgrade")
      : null,
};

const forwardingNames: ReadonlySet<string> = new Set([
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "forwarded",
  "via",
  "cdn-loop",
  "x-request-id",
]);

/** @param name in lower case */
export function compileSentField(name: string): SentField {
  if (Object.hasOwn(ownFields, name)) return ownFields[name]!;
  if (!forwardingNames.has(name)) return ({ request }) => fieldValue(request.keptFields, name);
  return ({ forwardingPrefix, request, requestId }) =>
    forwardingPrefix === null ? null : fieldValue(forwardingFields(forwardingPrefix, request, requestId), name);
}
