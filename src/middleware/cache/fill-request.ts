/** The request that fills the cache. */
import { surrogateCapabilityField } from "../../http/cache/surrogate-control.ts";
import { respelledFields, variantValue } from "../../http/cache/variant-value.ts";
import type { OutgoingRequest } from "../../http/outgoing-request.ts";
import type { Fields } from "../../http/fields.ts";
import { reduceCodings } from "./cached-route.ts";

/**
 * What one client asks for in a way of its own, and others who are given the same answer do not: a part, conditions.
 * Accept-Encoding goes on as the key has it, and so do the fields of `respelledFields`. What this cache
 * can do takes the place of what a client claims of itself.
 */
const ownFields: ReadonlySet<string> = new Set([
  "range",
  "if-range",
  "if-none-match",
  "if-modified-since",
  "accept-encoding",
  "surrogate-capability",
]);

/** The lines of the fields that go on in another spelling, because the key does not tell spellings apart. */
function respelledLines(fields: Fields): string {
  let lines = "";
  let isOther = false;
  for (const name of respelledFields) {
    const value = fields.value(name);
    const usual = variantValue(name, value);
    if (usual === null) continue;
    lines += `${name}: ${usual}\r\n`;
    isOther ||= usual !== value;
  }
  return isOther ? lines : "";
}

/**
 * `request` as it fills the cache: for the whole, whatever the client has already. @param target path and query, which
 * are those of the key
 */
export function toFillRequest(request: OutgoingRequest, target: string): OutgoingRequest {
  const { fields, strippedPrefix } = request;
  const codings = reduceCodings(fields.value("accept-encoding"));
  const respelled = respelledLines(fields);
  const kept = fields.without(
    (name) => ownFields.has(name) || (respelled !== "" && (respelledFields as readonly string[]).includes(name)),
  );
  const filled = request.withFields(
    kept.plusText(`Accept-Encoding: ${codings}\r\n${surrogateCapabilityField}${respelled}`),
  );
  return target === request.target ? filled : filled.withTarget(target, strippedPrefix);
}
