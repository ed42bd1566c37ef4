/**
 * Max-Forwards on OPTIONS (RFC 9110 section 7.6.2), by which a client finds out who is on the way: every proxy counts
 * it down, and the one that gets a zero answers in place of the endpoint. TRACE, the other method that it is for, goes
 * no further anyhow; on all others it means nothing and travels as it is.
 */
import type { Exchange } from "../http/exchange.ts";
import { allowField, sendOwnAnswer } from "../http/own-answer.ts";

const empty = Buffer.alloc(0);

/** Counts down. @returns true if the request may not go on; then it has been answered */
export function isLastForward(exchange: Exchange): boolean {
  const { request } = exchange;
  if (request.method !== "OPTIONS") return false;
  const value = exchange.outgoing.fields.value("max-forwards");
  if (value === null || !/^\d{1,9}$/.test(value)) return false;
  const remaining = Number(value);
  if (remaining === 0) sendOwnAnswer(exchange, { status: 200, fields: allowField, content: empty });
  else {
    const { outgoing } = exchange;
    const others = outgoing.fields.without((name) => name === "max-forwards");
    exchange.outgoing = outgoing.withFields(others.plus("Max-Forwards", String(remaining - 1)));
  }
  return remaining === 0;
}
