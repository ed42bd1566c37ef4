/** The request that fills the cache. */
import type { OutgoingRequest } from "../../http/outgoing-request.ts";
import { reduceCodings } from "./cached-route.ts";

/**
 * What one client asks for in a way of its own, and others who are given the same answer do not: a part, conditions.
 * Accept-Encoding goes on as the key has it.
 */
const ownFields: ReadonlySet<string> = new Set([
  "range",
  "if-range",
  "if-none-match",
  "if-modified-since",
  "accept-encoding",
]);

/**
 * `request` as it fills the cache: for the whole, whatever the client has already. @param target path and query, which
 * are those of the key
 */
export function toFillRequest(request: OutgoingRequest, target: string): OutgoingRequest {
  const { fields, strippedPrefix } = request;
  const codings = reduceCodings(fields.value("accept-encoding"));
  const filled = request.withFields(
    fields.without((name) => ownFields.has(name)).plusText(`Accept-Encoding: ${codings}\r\n`),
  );
  return target === request.target ? filled : filled.withTarget(target, strippedPrefix);
}
