/** The head of an endpoint's answer as it goes to the client. */
import type { AnswerLength, Exchange } from "../http/exchange.ts";
import { Framing, type ResponseHead } from "../http/message.ts";
import { dateField } from "../http/own-answer.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import type { ForwardPlan } from "./forward-plan.ts";

/** Sends `head`, the answer of `endpoint`. */
export function relayHead(exchange: Exchange, head: ResponseHead, endpoint: Endpoint, plan: ForwardPlan): void {
  let length: AnswerLength = "none";
  if (head.framing === Framing.length) length = head.contentLength;
  else if (head.framing !== Framing.none) length = "unknown";
  let fields = head.keptFields;
  // RFC 9110 section 6.6.1: a recipient with a clock adds the Date that is missing.
  if (!head.hasDate) fields += dateField();
  relayed(exchange, endpoint, plan);
  exchange.responder.sendHead(
    head.status,
    head.reasonPhrase,
    fields,
    length,
    head.hasContentLength ? head.contentLength : null,
  );
}

/** Sends the 101 of `endpoint`. */
export function relaySwitch(exchange: Exchange, head: ResponseHead, endpoint: Endpoint, plan: ForwardPlan): void {
  relayed(exchange, endpoint, plan);
  exchange.responder.sendSwitch(head.keptFields);
}

function relayed(exchange: Exchange, endpoint: Endpoint, { upstream: { affinity } }: ForwardPlan): void {
  exchange.isRelayed = true;
  if (affinity !== null) exchange.lastAnswerFields += affinity.answerFields(exchange, endpoint);
}
