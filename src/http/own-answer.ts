/**
 * The answers the proxy gives itself: short, without anything a peer sent, plain text, or JSON if the
 * client prefers that.
 */
import { prefersJson } from "./accept.ts";
import type { AnswerHead, Responder } from "./answer.ts";
import { emptySource } from "./body.ts";
import { Fields } from "./fields.ts";
import type { ReceivedRequest } from "./message.ts";
import { type ReasonCode, reasons } from "./reason.ts";
import { statusPhrase } from "./status.ts";

/** What a proxy passes on; an endpoint may allow less. */
export const allowField = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n";

/** An exchange as an answer of our own sees it. */
export interface AnswerableExchange extends Pick<Responder, "start"> {
  readonly request: ReceivedRequest;
  /** Empty = it has none. */
  readonly requestId: string;
}

/** A complete answer of our own. */
export interface OwnAnswer {
  readonly status: number;
  /** Complete field lines, without `Date` and framing. */
  readonly fields: string;
  /** Null = the status has none (204, 304). */
  readonly content: Buffer | null;
}

/** Answers `exchange` with `answer` and a `Date`, through its filters; without the content if the method is HEAD. */
export function sendOwnAnswer(exchange: AnswerableExchange, answer: OwnAnswer): void {
  const { content } = answer;
  const sink = exchange.start(new OwnHead(answer, exchange.request.method === "HEAD"), emptySource);
  if (content !== null && content.length > 0 && exchange.request.method !== "HEAD") sink.data(content);
  sink.end(null);
}

class OwnHead implements AnswerHead {
  readonly status: number;
  readonly reasonPhrase: string;
  readonly fields: Fields;
  readonly body: number;
  readonly declaredLength: number | null;
  readonly tunnel = null;
  readonly from = "proxy";

  constructor({ status, fields, content }: OwnAnswer, isHeadMethod: boolean) {
    this.status = status;
    this.reasonPhrase = statusPhrase(status);
    this.fields = Fields.ofText(dateField() + fields);
    this.body = content === null || isHeadMethod ? 0 : content.length;
    this.declaredLength = content === null ? null : content.length;
  }
}

/**
 * The answer that says why there is no other. @param extraFields field lines for this answer alone. @param status
 * default: that of `code`
 */
export function explain(
  code: ReasonCode,
  { request, requestId }: Pick<AnswerableExchange, "request" | "requestId">,
  extraFields = "",
  status = reasons[code].status,
): OwnAnswer {
  const { text } = reasons[code];
  const needed =
    status === 503 && !extraFields.includes("Retry-After:") ? "Retry-After: 1\r\n" : status === 405 ? allowField : "";
  const isJson = prefersJson(request.field("accept"));
  const body = isJson
    ? JSON.stringify({ status, code, message: text, ...(requestId === "" ? {} : { requestId }) })
    : `${status} ${statusPhrase(status)}: ${text} (${code})`;
  const type = isJson ? "application/json" : "text/plain; charset=utf-8";
  return {
    status,
    fields: `${extraFields}Content-Type: ${type}\r\nX-Content-Type-Options: nosniff\r\n${needed}`,
    content: Buffer.from(`${body}\n`, "latin1"),
  };
}

let dateLine = "";
let dateSecond = 0;

/** The `Date` field line of this second (RFC 9110 section 6.6.1). */
export function dateField(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateLine = `Date: ${new Date(second * 1000).toUTCString()}\r\n`;
  }
  return dateLine;
}
