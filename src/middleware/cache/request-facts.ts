/**
 * What a cache has to know of a request's fields, read in one pass over their lines: for most requests that is nothing,
 * and nothing is made for them.
 */
import { joinValues, toLowerAscii, trimOws } from "../../http/field-text.ts";
import { riskOf } from "./risky-fields.ts";

/** What was found. Values of several lines are joined with `, `; null = there is none. */
export interface RequestFacts {
  readonly cacheControl: string | null;
  readonly pragma: string | null;
  readonly hasAuthorization: boolean;
  readonly range: string | null;
  readonly ifRange: string | null;
  readonly ifNoneMatch: string | null;
  readonly ifModifiedSince: string | null;
  /** If-Match or If-Unmodified-Since: only the origin can answer it (RFC 9111 section 4.3.2). */
  readonly hasPrecondition: boolean;
  /** A field that makes another request of it. */
  readonly hasOverride: boolean;
  /** The fields that belong into the key, as lines `name: value\n`. */
  readonly keyLines: string;
  /** What the rules of caching ask for by name (`http/cache/`). */
  field(lowerName: string): string | null;
}

class ReadFacts implements RequestFacts {
  cacheControl: string | null = null;
  pragma: string | null = null;
  hasAuthorization = false;
  range: string | null = null;
  ifRange: string | null = null;
  ifNoneMatch: string | null = null;
  ifModifiedSince: string | null = null;
  hasPrecondition = false;
  hasOverride = false;
  keyLines = "";

  field(lowerName: string): string | null {
    switch (lowerName) {
      case "cache-control":
        return this.cacheControl;
      case "pragma":
        return this.pragma;
      case "range":
        return this.range;
      case "if-range":
        return this.ifRange;
      case "if-none-match":
        return this.ifNoneMatch;
      case "if-modified-since":
        return this.ifModifiedSince;
      default:
        return null;
    }
  }
}

/** What stands in most requests: nothing. */
export const noFacts: RequestFacts = Object.freeze(new ReadFacts());

/** The lengths of the names that are looked for, but for those that `riskOf` knows. */
const lengths = new Uint8Array(32);
for (const name of [
  "range",
  "pragma",
  "if-range",
  "if-match",
  "cache-control",
  "authorization",
  "if-none-match",
  "if-modified-since",
  "if-unmodified-since",
])
  lengths[name.length] = 1;

/** Reads `fields`, validated lines. */
export function readFacts(fields: string): RequestFacts {
  let facts: ReadFacts | null = null;
  for (let at = 0; at < fields.length; ) {
    const lineEnd = fields.indexOf("\r\n", at);
    const colon = fields.indexOf(":", at);
    const length = colon - at;
    const risk = riskOf(fields, at, colon);
    if (risk !== null) {
      facts ??= new ReadFacts();
      if (risk === "override") facts.hasOverride = true;
      else facts.keyLines += `${toLowerAscii(fields.slice(at, colon))}: ${trimOws(fields.slice(colon + 1, lineEnd))}\n`;
    } else if (length < 32 && lengths[length] === 1)
      facts = note(facts, toLowerAscii(fields.slice(at, colon)), fields.slice(colon + 1, lineEnd));
    at = lineEnd + 2;
  }
  return facts ?? noFacts;
}

function note(known: ReadFacts | null, name: string, written: string): ReadFacts | null {
  const property = propertyOf(name);
  if (property === null) return known;
  const facts = known ?? new ReadFacts();
  if (property === "authorization") facts.hasAuthorization = true;
  else if (property === "precondition") facts.hasPrecondition = true;
  else facts[property] = joinValues(facts[property], trimOws(written));
  return facts;
}

function propertyOf(name: string) {
  switch (name) {
    case "cache-control":
      return "cacheControl";
    case "pragma":
      return "pragma";
    case "authorization":
      return "authorization";
    case "range":
      return "range";
    case "if-range":
      return "ifRange";
    case "if-none-match":
      return "ifNoneMatch";
    case "if-modified-since":
      return "ifModifiedSince";
    case "if-match":
    case "if-unmodified-since":
      return "precondition";
    default:
      return null;
  }
}
