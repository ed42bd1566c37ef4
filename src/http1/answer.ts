/** The answers the proxy gives itself: short, without anything a peer sent, plain text or, where the client prefers it, JSON. */
import type { RequestHead } from "../http/message.ts";
import { type ReasonCode, reasons } from "../http/reason.ts";
import { statusPhrase } from "../http/status.ts";

/** What a proxy passes on; an endpoint may allow less. */
const allowField = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n";

/** Body and content fields for `code`. */
export function answerBody(code: ReasonCode, request: RequestHead, requestId: string, hasRetryAfter: boolean): { readonly fields: string; readonly body: string } {
  const { status, text } = reasons[code];
  const common = "X-Content-Type-Options: nosniff\r\n" + (status === 503 && !hasRetryAfter ? "Retry-After: 1\r\n" : status === 405 ? allowField : "");
  if (prefersJson(request.field("accept"))) {
    const body = JSON.stringify({ status, code, message: text, ...(requestId === "" ? {} : { requestId }) });
    return { fields: `Content-Type: application/json\r\n${common}`, body: `${body}\n` };
  }
  return { fields: `Content-Type: text/plain; charset=utf-8\r\n${common}`, body: `${status} ${statusPhrase(status)}: ${text} (${code})\n` };
}

/** Does an Accept value rank JSON above plain text (RFC 9110 section 12.5.1)? */
export function prefersJson(accept: string | null): boolean {
  if (accept === null || !accept.includes("json")) return false;
  return quality(accept, ["application/json", "application/*", "*/*"]) > quality(accept, ["text/plain", "text/*", "*/*"]);
}

/** The weight an Accept value gives to the first of `ranges` that it names, most specific first. */
function quality(accept: string, ranges: readonly string[]): number {
  const members = accept.toLowerCase().split(",").map((member) => member.split(";").map((part) => part.trim()));
  for (const range of ranges) {
    const member = members.find((candidate) => candidate[0] === range);
    if (member === undefined) continue;
    const weight = member.find((part) => part.startsWith("q="));
    const value = weight === undefined ? 1 : Number(weight.slice(2));
    return Number.isNaN(value) ? 0 : value;
  }
  return 0;
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
