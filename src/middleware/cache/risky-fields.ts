/**
 * Fields of requests by which applications answer something else without saying so by `Vary`: with them a stranger could
 * have the cache store an answer that is not for the key it is stored under (cache poisoning), or an error (CPDoS). The
 * list is here and nowhere else. What of it the proxy takes from strangers anyway (`http/syntax/special-fields.ts`) still
 * comes from trusted peers, which may pass on what their clients write.
 *
 * - *Overrides* make a GET another request: another method, another path. Such a request goes past the cache.
 * - *Echoes* are what a proxy in front tells of host, port and scheme, and what finds its way into links and redirects.
 *   They become part of the key: a proxy that sends the same again and again costs nothing.
 *
 * X-Forwarded-Proto and X-Forwarded-Host are in the key in any case (`cache-key.ts`). The client's address
 * (X-Forwarded-For and its kin), which makes each request another, is not: an application whose answers depend on it has
 * to say so.
 */
import { foldFieldName, toLowerAscii } from "../../http/field-text.ts";

const overrides = [
  "x-http-method-override",
  "x-http-method",
  "x-method-override",
  "x-original-method",
  "x-forwarded-method",
  "x-original-url",
  "x-original-uri",
  "x-rewrite-url",
  "x-rewrite-uri",
  "x-original-path",
  "x-forwarded-path",
  "x-forwarded-uri",
  "x-override-url",
  "x-middleware-prefetch",
  "x-middleware-subrequest",
  "x-middleware-rewrite",
];

const echoes = [
  "x-forwarded-prefix",
  "x-forwarded-port",
  "x-forwarded-scheme",
  "x-forwarded-protocol",
  "x-forwarded-server",
  "x-forwarded-ssl",
  "x-forwarded",
  "front-end-https",
  "x-scheme",
  "x-url-scheme",
  "x-host",
  "x-original-host",
  "x-http-host-override",
  "x-script-name",
  "x-base-url",
  "x-proxy-url",
  "request-uri",
  "request-url",
  "x-nextjs-data",
  "rsc",
  "next-router-state-tree",
  "next-router-prefetch",
  "next-url",
  "x-inertia",
  "x-pjax",
  "x-requested-with",
];

/** What a field means to the cache. */
export type Risk = "override" | "echo";

const risks: ReadonlyMap<string, Risk> = new Map([
  ...overrides.map((name) => [name, "override"] as const),
  ...echoes.map((name) => [name, "echo"] as const),
]);

/** Lengths of names that are in the list: most fields of a request are done with one look. */
const lengths = new Uint8Array(64);
const firstLetters = new Uint8Array(256);
for (const name of risks.keys()) {
  lengths[name.length] = 1;
  firstLetters[name.charCodeAt(0)] = 1;
}

/** What the field whose name stands in `text` from `start` to `end` means; null = nothing. */
export function riskOf(text: string, start: number, end: number): Risk | null {
  const length = end - start;
  if (length >= 64 || lengths[length] === 0 || firstLetters[text.charCodeAt(start) | 0x20] === 0) return null;
  return risks.get(foldFieldName(toLowerAscii(text.slice(start, end)))) ?? null;
}
