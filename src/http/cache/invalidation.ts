/** What an answer to an unsafe request makes useless (RFC 9111 section 4.4). */
import type { AnswerHead } from "../answer.ts";
import { isSafe } from "../method.ts";

/**
 * The URLs whose stored answers an answer to `method` invalidates: that of the request, and those that Location and
 * Content-Location name if they are of the same origin. Empty if it invalidates nothing: safe methods change nothing, and
 * neither do errors.
 * @param url of the request, `scheme://authority/path?query`
 */
export function invalidatedUrls(method: string, url: string, head: AnswerHead): readonly string[] {
  // TRACE is safe, too; a method that nobody knows may change anything.
  if (isSafe(method) || method === "TRACE" || head.from !== "endpoint") return none;
  if (head.status < 200 || head.status >= 400) return none;
  const urls = [url];
  for (const name of ["location", "content-location"]) {
    const target = sameOriginUrl(head.fields.value(name), url);
    if (target !== null && !urls.includes(target)) urls.push(target);
  }
  return urls;
}

const none: readonly string[] = [];

function sameOriginUrl(reference: string | null, base: string): string | null {
  if (reference === null) return null;
  const target = URL.parse(reference, base);
  if (target === null || target.origin !== URL.parse(base)?.origin) return null;
  // As `base` writes its origin, for that is how answers are stored.
  const pathStart = base.indexOf("/", base.indexOf("://") + 3);
  return `${pathStart === -1 ? base : base.slice(0, pathStart)}${target.pathname}${target.search}`;
}
