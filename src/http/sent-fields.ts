/**
 * The fields of a request as the endpoint will see them, for everything that decides by a field: matchers, keys of
 * limits and balancers, sticky cookies. What a stranger says in a trust field, and what its Connection field takes away
 * (RFC 9110 section 7.6.1), reaches no endpoint and so must decide nothing.
 */
import type { Exchange } from "./exchange.ts";
import { fieldValue, listMembers } from "./field-text.ts";
import { forwardingFieldNames, forwardingFields } from "./forwarding-fields.ts";
import { Framing } from "./message.ts";

/** Finds the value of a field; several lines joined as `fieldValue` does; null if the endpoint will not see it. */
export type FieldReader = (exchange: Exchange) => string | null;

/** What the client asks of its connection: whether that is granted is for the route to say. */
const connectionFields: Readonly<Record<string, FieldReader>> = {
  connection: ({ request }) => request.field("connection"),
  upgrade: ({ request }) =>
    request.minorVersion === 1 && listMembers(request.field("connection") ?? "").includes("upgrade")
      ? request.field("upgrade")
      : null,
};

/** The fields that the proxy writes itself, from what was received; all others travel as they came. */
const writtenForReceived: Readonly<Record<string, FieldReader>> = {
  ...connectionFields,
  host: ({ request }) => (request.authority === "" ? null : request.authority),
  "content-length": ({ request }) => (request.framing === Framing.length ? String(request.contentLength) : null),
  "transfer-encoding": ({ request }) => (request.framing === Framing.chunked ? "chunked" : null),
  te: ({ request }) => (request.acceptsTrailers ? "trailers" : null),
  expect: ({ request }) => (request.expectsContinue ? "100-continue" : null),
};

/** The same from what the route has made of it so far. */
const writtenForOutgoing: Readonly<Record<string, FieldReader>> = {
  ...connectionFields,
  host: ({ outgoing }) => (outgoing.authority === "" ? null : outgoing.authority),
  "content-length": ({ outgoing, body: { length } }) =>
    length === "unknown" || !outgoing.announcesBody ? null : String(length),
  "transfer-encoding": ({ body }) => (body.length === "unknown" ? "chunked" : null),
  te: ({ outgoing }) => (outgoing.takesTrailers ? "trailers" : null),
  expect: ({ outgoing }) => (outgoing.expectsContinue ? "100-continue" : null),
  "x-forwarded-prefix": ({ outgoing: { fields, strippedPrefix } }) => {
    const said = fields.value("x-forwarded-prefix");
    if (strippedPrefix === "") return said;
    return said === null ? strippedPrefix : `${said}, ${strippedPrefix}`;
  },
};

/**
 * Reads a field as the endpoint would see it if the route changed nothing: for what comes before the route's
 * middlewares, or is about the client.
 * @param name in lower case
 */
export function compileReceivedField(name: string): FieldReader {
  if (Object.hasOwn(writtenForReceived, name)) return writtenForReceived[name]!;
  return compileForwardingField(name) ?? (({ request }) => fieldValue(request.keptFields, name));
}

/**
 * Reads a field as the endpoint will see it, with what the middlewares that the request has passed have made of it.
 * @param name in lower case
 */
export function compileSentField(name: string): FieldReader {
  if (Object.hasOwn(writtenForOutgoing, name)) return writtenForOutgoing[name]!;
  return compileForwardingField(name) ?? (({ outgoing }) => outgoing.fields.value(name));
}

function compileForwardingField(name: string): FieldReader | null {
  if (!forwardingFieldNames.has(name)) return null;
  return ({ forwardingPrefix, request, requestId, changedRequest }) => {
    if (forwardingPrefix === null) return null;
    const via = changedRequest?.hidesVia === true ? "remove" : "add";
    return fieldValue(forwardingFields(forwardingPrefix, request, requestId, via), name);
  };
}
