/**
 * The directives of an answer: those that are for caches such as this one, in CDN-Cache-Control (RFC 9213) or the older
 * Surrogate-Control, if it has any; else those of Cache-Control.
 */
import type { Fields } from "../fields.ts";
import { parseStructuredDictionary, type StructuredValue } from "../structured-dictionary.ts";
import { type CacheDirectives, CollectedDirectives, type Directive, parseCacheControl } from "./cache-control.ts";
import { parseSurrogateControl } from "./surrogate-control.ts";

/** What an answer says of caching. */
export interface AnswerDirectives {
  readonly directives: CacheDirectives;
  /** They are for caches such as this one: Cache-Control and Expires do not count. */
  readonly isTargeted: boolean;
}

/** Reads what an answer says of caching. Never throws. */
export function answerDirectives(fields: Fields): AnswerDirectives {
  const targeted = fields.value("cdn-cache-control");
  const surrogate = fields.value("surrogate-control");
  const directives =
    (targeted === null ? null : parseTargeted(targeted)) ??
    (surrogate === null ? null : parseSurrogateControl(surrogate));
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
