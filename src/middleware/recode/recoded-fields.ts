/**
 * What the fields of an answer must say once its content is in another coding (RFC 9110 sections 8.3 to 8.8, 12.5.5):
 * it is another representation, of another length, and what was said about the bytes of the old one is no longer true.
 */
import { listMembers, removeFields, trimOws } from "../../http/field-text.ts";
import { Fields } from "../../http/fields.ts";

/**
 * Digests of what the endpoint sent (RFC 9530, and the fields before it), and its offer of ranges: a range is one of
 * bytes that the next answer may not have, for an encoder owes nobody the same bytes twice.
 */
const aboutBytes: ReadonlySet<string> = new Set([
  "content-digest",
  "repr-digest",
  "digest",
  "content-md5",
  "accept-ranges",
]);
const replaced: ReadonlySet<string> = new Set([...aboutBytes, "content-encoding", "etag", "vary"]);

const isReplaced = (name: string): boolean => replaced.has(name);
const isVary = (name: string): boolean => name === "vary";
const isEtag = (name: string): boolean => name === "etag";

/** The fields of an answer whose content is in another coding now. @param coding null = in none */
export function recodedFields(fields: Fields, coding: string | null): Fields {
  const etag = fields.value("etag");
  let lines = removeFields(fields.text, isReplaced);
  if (etag !== null) lines += `ETag: ${weakened(etag)}\r\n`;
  if (coding !== null) lines += `Content-Encoding: ${coding}\r\n`;
  return Fields.ofText(`${lines}Vary: ${variedValue(fields.value("vary"))}\r\n`);
}

/** The trailers behind such content; null if there are none. */
export function recodedTrailers(trailers: Fields | null): Fields | null {
  const kept = trailers?.without((name) => aboutBytes.has(name)) ?? null;
  return kept === null || kept.text === "" ? null : kept;
}

/** `fields` with a Vary that names Accept-Encoding: once, and not beside `*`. */
export function variedFields(fields: Fields): Fields {
  const vary = fields.value("vary");
  const varied = variedValue(vary);
  if (varied === vary) return fields;
  return Fields.ofText(`${vary === null ? fields.text : removeFields(fields.text, isVary)}Vary: ${varied}\r\n`);
}

/** What decides about the fields of a 304. */
export interface NotModifiedRules {
  /** What the client asked with; null = nothing. */
  readonly ifNoneMatch: string | null;
  /** A 200 would have been recoded for this client, if its type allows that. */
  readonly wouldRecode: boolean;
  /** May content of this type be recoded? A 304 mostly does not tell its type. */
  isRecodable(contentType: string): boolean;
}

/** The fields of a 304: what a 200 would have said, as far as that can be known (RFC 9110 section 15.4.5). */
export function notModifiedFields(fields: Fields, { ifNoneMatch, wouldRecode, isRecodable }: NotModifiedRules): Fields {
  const etag = fields.value("etag");
  // The client has content that was recoded here.
  if (etag !== null && ifNoneMatch !== null && hasMember(ifNoneMatch, weakened(etag)))
    return variedFields(withEtag(fields, etag));
  const type = fields.value("content-type");
  if (type !== null) return isRecodable(type) ? variedFields(fields) : fields;
  // A client for which it would have been recoded has it as it was sent: it never is recoded.
  const isNever = wouldRecode && etag !== null && ifNoneMatch !== null && hasMember(ifNoneMatch, etag);
  // Nothing is known. A Vary in a 304 takes the place of the one that a cache has, so it must not lose a name. If there
  // is none, nothing is lost, and a name that the 200 did not have would make caches fetch anew.
  return isNever || fields.value("vary") === null ? fields : variedFields(fields);
}

function withEtag(fields: Fields, etag: string): Fields {
  const weak = weakened(etag);
  return weak === etag ? fields : Fields.ofText(`${removeFields(fields.text, isEtag)}ETag: ${weak}\r\n`);
}

/** An entity tag promises the same bytes; of recoded content it can only promise the same meaning (section 8.8.1). */
function weakened(etag: string): string {
  return etag.startsWith("W/") ? etag : `W/${etag}`;
}

/** Is the entity tag `etag` in a list of them? An entity tag may contain commas, but no quotation marks. */
function hasMember(list: string, etag: string): boolean {
  for (let at = list.indexOf(etag); at !== -1; at = list.indexOf(etag, at + 1)) {
    const before = trimOws(list.slice(0, at));
    if (before === "" || before.endsWith(",")) return true;
  }
  return false;
}

function variedValue(vary: string | null): string {
  if (vary === null || vary === "") return "Accept-Encoding";
  const names = listMembers(vary);
  return names.includes("*") || names.includes("accept-encoding") ? vary : `${vary}, Accept-Encoding`;
}
