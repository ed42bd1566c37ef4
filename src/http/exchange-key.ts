/**
 * What tells clients or requests apart for rules that go by a key: `clientIp`, `header:NAME`, `cookie:NAME`,
 * `query:NAME` or `path`. A key is read once, when the configuration is built; the data path runs the function that
 * comes out. Fields are read as the endpoint will see them, with what the middlewares that the request has passed have
 * made of them.
 */
import { cookieValue } from "./cookie.ts";
import type { Exchange } from "./exchange.ts";
import { isToken, toLowerAscii } from "./field-text.ts";
import { compileSentField } from "./sent-fields.ts";

/**
 * Finds the key of an exchange; null if it has none, or an empty one (as the address of a client on a Unix socket
 * is).
 */
export type KeyOf = (exchange: Exchange) => string | null;

const forms = '"clientIp", "header:NAME", "cookie:NAME", "query:NAME" and "path"';

/**
 * The one spelling of a key.
 * @throws RangeError with a sentence for the user.
 */
export function parseExchangeKey(text: string): string {
  if (text === "clientIp" || text === "path") return text;
  const match = /^(header|cookie|query):(.*)$/s.exec(text);
  const [, kind, name = ""] = match ?? [];
  if (kind === undefined) throw new RangeError(`${JSON.stringify(text)} is not a key; keys are ${forms}`);
  if (kind === "query" ? name === "" || /[\s&=#]/.test(name) : !isToken(name))
    throw new RangeError(`${JSON.stringify(name)} is not the name of a ${kind === "query" ? "query parameter" : kind}`);
  return kind === "header" ? `header:${toLowerAscii(name)}` : text;
}

/** Compiles a key to the function that finds it in an exchange. @param key as `parseExchangeKey` gives it */
export function compileExchangeKey(key: string): KeyOf {
  const name = key.slice(key.indexOf(":") + 1);
  if (key === "clientIp") return (exchange) => nonEmpty(exchange.clientIp);
  if (key === "path") return (exchange) => exchange.request.path;
  if (key.startsWith("header:")) {
    const read = compileSentField(name);
    return (exchange) => nonEmpty(read(exchange));
  }
  if (key.startsWith("cookie:")) return (exchange) => nonEmpty(cookieValue(readCookies(exchange), name));
  return (exchange) => nonEmpty(queryValue(exchange.request.query, name));
}

const readCookies = compileSentField("cookie");

function nonEmpty(value: string | null): string | null {
  return value === "" ? null : value;
}

/** The first value of the parameter `name` in a query, both as received. */
function queryValue(query: string, name: string): string | null {
  for (let at = 0; at < query.length; ) {
    const ampersand = query.indexOf("&", at);
    const end = ampersand === -1 ? query.length : ampersand;
    if (query.startsWith(name, at) && query.charCodeAt(at + name.length) === 61)
      return query.slice(at + name.length + 1, end);
    at = end + 1;
  }
  return null;
}
