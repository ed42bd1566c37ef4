/**
 * The JSON line of the access log as text, made from the table of its fields: for lines that `json-lines.ts` does not
 * know how to write, which are few, and for the test that holds the two together.
 */
import type { Exchange } from "../http/exchange.ts";
import { type AccessLogField, accessLogFields, tlsFieldNames } from "./access-log-fields.ts";
import { escapeJsonText } from "./log-escape.ts";
import type { QueryRedactor } from "./query-redactor.ts";

const jsonFields = accessLogFields.filter(({ json }) => json !== "no");

/** Left out if there is nothing to say. */
const onlyIfSaid: ReadonlySet<string> = new Set(["detail", "proxied", "cache"]);

/** The line for `exchange`, with its line feed; ASCII only. */
export function formatJsonLine(exchange: Exchange, redactor: QueryRedactor): string {
  const hasTls = exchange.origin.tls != null;
  let line = "";
  for (const field of jsonFields) {
    if (!hasTls && tlsFieldNames.has(field.name)) continue;
    const text = field.read(exchange, redactor);
    if (text === null && onlyIfSaid.has(field.name)) continue;
    line += `${line === "" ? "{" : ","}"${field.name}":${toJson(field, text)}`;
  }
  return `${line}}\n`;
}

function toJson({ json }: AccessLogField, text: string | null): string {
  if (text === null || text === "") return "null";
  return json === "string" ? `"${escapeJsonText(text)}"` : text;
}
