/**
 * Conditions of requests that are answered from what is stored (RFC 9110 section 13, RFC 9111 section 4.3.2).
 * If-Match and If-Unmodified-Since are for the origin: they ask whether the resource is still as the client knows it.
 */
import { Fields } from "../fields.ts";
import { parseHttpDate } from "../http-date.ts";
import { entityTag, lastModified, listMatchesWeakly } from "./entity-tag.ts";
import type { StoredAnswer } from "./stored-answer.ts";

/** The fields of a request. */
export interface RequestFields {
  field(lowerName: string): string | null;
}

/** The lines by which the origin is asked whether `answer` still holds (RFC 9111 section 4.3.1); empty if it has no validator. */
export function validatorLines(answer: StoredAnswer): string {
  const fields = Fields.ofText(answer.fields);
  const tag = entityTag(fields);
  const modified = lastModified(fields);
  return (
    (tag === null ? "" : `If-None-Match: ${tag}\r\n`) + (modified === null ? "" : `If-Modified-Since: ${modified}\r\n`)
  );
}

/** What the client is given by its conditions: the answer, or a 304 that says that it has it already. */
export function evaluateConditions(request: RequestFields, answer: StoredAnswer): "full" | "not-modified" {
  if (answer.status !== 200) return "full";
  const noneMatch = request.field("if-none-match");
  if (noneMatch !== null) return holdsTag(noneMatch, answer) ? "not-modified" : "full";
  const modifiedSince = request.field("if-modified-since");
  return modifiedSince !== null && isUnmodified(modifiedSince, answer) ? "not-modified" : "full";
}

function holdsTag(noneMatch: string, answer: StoredAnswer): boolean {
  if (noneMatch === "*") return true;
  const tag = entityTag(Fields.ofText(answer.fields));
  return tag !== null && listMatchesWeakly(noneMatch, tag);
}

/** RFC 9111 section 4.3.2: by Last-Modified, else by Date, else by the time at which the answer was received. */
function isUnmodified(modifiedSince: string, answer: StoredAnswer): boolean {
  const sinceMs = parseHttpDate(modifiedSince, answer.bornMs);
  if (sinceMs === null) return false;
  const fields = Fields.ofText(answer.fields);
  const text = lastModified(fields) ?? fields.value("date");
  const modifiedMs = text === null ? answer.bornMs : parseHttpDate(text, answer.bornMs);
  return modifiedMs !== null && modifiedMs <= sinceMs;
}
