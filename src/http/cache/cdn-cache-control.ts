/** The directives of an answer: those of CDN-Cache-Control if it has them, else those of Cache-Control (RFC 9213). */
import type { Fields } from "../fields.ts";
import { type CacheDirectives, parseCacheControl } from "./cache-control.ts";

/** What an answer says of caching. */
export interface AnswerDirectives {
  readonly directives: CacheDirectives;
  /** They come from CDN-Cache-Control: Cache-Control and Expires do not count. */
  readonly isTargeted: boolean;
}

/** Reads what an answer says of caching. */
export function answerDirectives(fields: Fields): AnswerDirectives {
  const targeted = fields.value("cdn-cache-control");
  if (targeted !== null && targeted !== "") return { directives: parseCacheControl(targeted), isTargeted: true };
  return { directives: parseCacheControl(fields.value("cache-control")), isTargeted: false };
}
