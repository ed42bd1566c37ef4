/**
 * Max-Forwards on OPTIONS (RFC 9110 section 7.6.2), by which a client finds out who is on the way: every proxy counts
 * it down, and the one that gets a zero answers in place of the endpoint. TRACE, the other method that it is for, goes
 * no further anyhow; on all others it means nothing and travels as it is.
 */
import type { Exchange } from "../http/exchange.ts";
import { fieldValue, removeFields } from "../http/fields.ts";
import { allowField, sendOwnAnswer } from "../http/own-answer.ts";

const empty = Buffer.alloc(0);

/** Counts down. @returns true where the request may not go on; then it has been answered */
export function isLastForward({ request, responder }: Exchange): boolean {
  if (request.method !== "OPTIONS") return false;
  const value = fieldValue(request.keptFields, "max-forwards");
  if (value === null || !/^\d{1,9}$/.test(value)) return false;
  const remaining = Number(value);
  if (remaining === 0) sendOwnAnswer(responder, request, { status: 200, fields: allowField, content: empty });
  else
    request.keptFields = `${removeFields(request.keptFields, (name) => name === "max-forwards")}Max-Forwards: ${remaining - 1}\r\n`;
  return remaining === 0;
}
