/** The directives of an answer: those of CDN-Cache-Control if it has them, else those of Cache-Control (RFC 9213). */
import type { Fields } from "../fields.ts";
import { parseStructuredDictionary, type StructuredValue } from "../structured-dictionary.ts";
import { type CacheDirectives, CollectedDirectives, type Directive, parseCacheControl } from "./cache-control.ts";

/** What an answer says of caching. */
export interface AnswerDirectives {
  readonly directives: CacheDirectives;
  /** They come from CDN-Cache-Control: Cache-Control and Expires do not count. */
  readonly isTargeted: boolean;
}

/** Reads what an answer says of caching. Never throws. */
export function answerDirectives(fields: Fields): AnswerDirectives {
  const targeted = fields.value("cdn-cache-control");
  const directives = targeted === null ? null : parseTargeted(targeted);
  return directives === null
    ? { directives: parseCacheControl(fields.value("cache-control")), isTargeted: false }
    : { directives, isTargeted: true };
}

/** null if it is empty or malformed: then it is as if it were not there (RFC 9213 section 2.1). */
function parseTargeted(value: string): CacheDirectives | null {
  const members = parseStructuredDictionary(value);
  if (members === null || members.size === 0) return null;
  const collected = new CollectedDirectives();
  for (const [name, member] of members) collected.take(toDirective(name, member));
  return collected.directives;
}

/** A directive whose value has another type than its own is not well-formed. */
function toDirective(name: string, member: StructuredValue): Directive {
  if (member.type === "integer") return { name, argument: String(member.value), isWellFormed: true };
  if (member.type === "string") return { name, argument: member.value, isWellFormed: name === "no-cache" };
  return { name, argument: null, isWellFormed: member.type === "boolean" && member.value };
}
