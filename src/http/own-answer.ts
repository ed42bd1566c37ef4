/**
 * The answers the proxy gives itself: short, without anything a peer sent, plain text or, where the client prefers it,
 * JSON.
 */
import { prefersJson } from "./accept.ts";
import type { Exchange, Responder } from "./exchange.ts";
import type { ReceivedRequest } from "./message.ts";
import { type ReasonCode, reasons } from "./reason.ts";
import { statusPhrase } from "./status.ts";

/** What a proxy passes on; an endpoint may allow less. */
export const allowField = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n";

/** A complete answer of our own. */
export interface OwnAnswer {
  readonly status: number;
  /** Complete field lines, without `Date` and framing. */
  readonly fields: string;
  /** Null = the status has none (204, 304). */
  readonly content: Buffer | null;
}

/** Sends `answer`, with a `Date`; without its content where `request` is HEAD. */
export function sendOwnAnswer(
  responder: Responder,
  request: Pick<ReceivedRequest, "method">,
  { status, fields, content }: OwnAnswer,
): void {
  const isHead = request.method === "HEAD";
  responder.sendHead(
    status,
    statusPhrase(status),
    dateField() + fields,
    content === null || isHead ? "none" : content.length,
    isHead && content !== null ? content.length : null,
  );
  if (content !== null && !isHead) responder.sendData(content);
  responder.sendEnd("");
}

/**
 * What says why there is no other answer. @param extraFields field lines for this answer alone. @param status default:
 * that of `code`
 */
export function explain(
  code: ReasonCode,
  { request, requestId }: Exchange,
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
