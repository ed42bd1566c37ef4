/** The head of an endpoint's answer as it goes to the client. */
import { AddedFields, type AnswerHead, withFields } from "../http/answer.ts";
import type { EndpointAnswer } from "../http/attempt.ts";
import type { Exchange } from "../http/exchange.ts";
import { dateField } from "../http/own-answer.ts";
import type { Affinity } from "../upstream/affinity/affinity.ts";
import type { Endpoint } from "../upstream/endpoint.ts";

/** `head` with a Date: a recipient with a clock adds the one that is missing (RFC 9110 section 6.6.1). */
export function toRelayedHead(head: EndpointAnswer): AnswerHead {
  return head.hasDate || head.tunnel !== null ? head : withFields(head, head.fields.plusText(dateField()));
}

/**
 * Has the answer of `endpoint` tell the client to come back there. Behind all filters: a client that loses these fields
 * loses its place.
 */
export function addAffinity(exchange: Exchange, endpoint: Endpoint, affinity: Affinity): void {
  const lines = affinity.answerFields(exchange, endpoint);
  if (lines !== "") exchange.filterAnswerLast(new AddedFields(lines));
}
