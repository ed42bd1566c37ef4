/** The part of a stored body that a request asks for (RFC 9110 section 14). */
import { Fields } from "../fields.ts";
import { parseHttpDate } from "../http-date.ts";
import type { RequestFields } from "./conditions.ts";
import { entityTag, isStrongTag } from "./entity-tag.ts";
import type { StoredAnswer } from "./stored-answer.ts";

/** A part of a body: bytes from `start` to `end`, exclusive. */
export interface BodyRange {
  readonly start: number;
  readonly end: number;
}

/**
 * What of the stored body goes to the client. The whole of it, with 200, for everything but one range of bytes: a server
 * may always ignore Range, and several ranges cost it more than the whole.
 * @param bodyBytes the length of the whole body
 */
export function selectRange(
  request: RequestFields,
  answer: StoredAnswer,
  bodyBytes: number,
): BodyRange | "whole" | "unsatisfiable" {
  const range = request.field("range");
  if (range === null || answer.status !== 200 || !isForThis(request, answer)) return "whole";
  const match = /^bytes=[\t ]*(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))[\t ]*$/i.exec(range);
  if (match === null) return "whole";
  if (match[3] !== undefined) {
    const length = Math.min(Number(match[3]), bodyBytes);
    return length === 0 ? "unsatisfiable" : { start: bodyBytes - length, end: bodyBytes };
  }
  const start = Number(match[1]);
  const last = match[2] === "" ? Infinity : Number(match[2]);
  if (last < start) return "whole";
  return start >= bodyBytes ? "unsatisfiable" : { start, end: Math.min(last + 1, bodyBytes) };
}

/** RFC 9110 section 13.1.5: a strong tag that is the same, or a date that is the same and surely strong. */
function isForThis(request: RequestFields, answer: StoredAnswer): boolean {
  const ifRange = request.field("if-range");
  if (ifRange === null) return true;
  const fields = Fields.ofText(answer.fields);
  if (ifRange.includes('"')) return isStrongTag(ifRange) && ifRange === entityTag(fields);
  const modified = fields.value("last-modified");
  const date = fields.value("date");
  if (modified === null || date === null || ifRange !== modified) return false;
  const modifiedMs = parseHttpDate(modified, answer.bornMs);
  const dateMs = parseHttpDate(date, answer.bornMs);
  // RFC 9110 section 8.8.2.2: a second in which it may have changed twice tells nothing.
  return modifiedMs !== null && dateMs !== null && modifiedMs + 1000 <= dateMs;
}
