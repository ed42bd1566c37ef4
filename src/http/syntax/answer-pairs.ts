/**
 * From the pairs of a protocol that has a pseudo-field in place of a status line (RFC 9113 section 8.3.2) to a
 * `ResponseHead`, or to the reason for refusing them. What is that kind of protocol's own is here; what the fields mean
 * is read where HTTP/1.1 reads it.
 */
import { ResponseHead } from "../message.ts";
import type { ReasonCode } from "../reason.ts";
import { AnswerReading, hasContent, keptAnswerSpecials } from "./answer-reading.ts";
import { findPairsProblem, isOfConnection, type PairsLimits } from "./pair-fields.ts";
import { Special, specialOfName } from "./special-fields.ts";

/** What there is to know of an answer beside its pairs. */
export interface AnswerPairsContext extends PairsLimits {
  /** It answers HEAD. */
  readonly isHeadMethod: boolean;
  /** The protocol that the request has asked to switch to (RFC 8441); null = none. */
  readonly tunnel: string | null;
  /** A body follows, if only an empty one. */
  readonly hasBody: boolean;
}

/** Why an answer is refused. */
export interface AnswerRefusal {
  readonly code: ReasonCode;
  readonly detail: string;
}

const strict = { isLenient: false };
const reading = new AnswerReading();

/**
 * Reads `pairs`: name, value, name, value, …, latin1, `:status` first. @returns the head, or why it is refused
 */
export function readAnswerPairs(pairs: readonly string[], context: AnswerPairsContext): ResponseHead | AnswerRefusal {
  const status = readStatus(pairs);
  if (status === -1) return refuse("bad status code");
  const problem = findPairsProblem(pairs, 2, context);
  if (problem !== null) return refuse(problem, problem === "bad field" ? undefined : "UPSTREAM_HEAD_TOO_LARGE");
  // RFC 9113 section 8.6: protocols are not switched by 101. Section 8.1: an interim answer is never the end.
  if (status === 101 || (status < 200 && !context.hasBody)) return refuse("bad interim answer");
  const head = new ResponseHead();
  head.status = status;
  // What HTTP/1.1 says by 101, an answer to extended CONNECT says by success (RFC 8441 section 5).
  if (context.tunnel !== null && status >= 200 && status < 300) {
    head.status = 101;
    head.upgrade = context.tunnel;
  }
  const detail = readFields(head, pairs) ?? endAnswer(head, context);
  return detail === null ? head : refuse(detail);
}

/** @returns -1 if there is none */
function readStatus(pairs: readonly string[]): number {
  return pairs[0] === ":status" && /^[1-5]\d\d$/.test(pairs[1]!) ? Number(pairs[1]) : -1;
}

function readFields(head: ResponseHead, pairs: readonly string[]): string | null {
  reading.begin();
  let text = "";
  let kept = "";
  for (let at = 2; at < pairs.length; at += 2) {
    const name = pairs[at]!;
    const value = pairs[at + 1]!;
    const special = specialOfName(name);
    const line = `${name}: ${value}\r\n`;
    text += line;
    if (special === Special.none || keptAnswerSpecials[special] === 1) kept += line;
    if (isOfConnection(name, special)) return "a field of a connection";
    if (!reading.notice(head, special)) continue;
    const problem = reading.take(head, special, value);
    if (problem !== null) return problem;
  }
  const statusLine = `HTTP/2.0 ${pairs[1]!}\r\n`;
  head.text = `${statusLine}${text}\r\n`;
  head.fieldsStart = statusLine.length;
  head.keptFields = kept;
  return null;
}

function endAnswer(head: ResponseHead, { isHeadMethod, hasBody }: AnswerPairsContext): string | null {
  if (hasContent(head.status, isHeadMethod) && !reading.hasLength)
    reading.take(head, hasBody ? Special.transferEncoding : Special.contentLength, hasBody ? "chunked" : "0");
  const problem = reading.end(head, strict, isHeadMethod);
  if (problem !== null) return problem;
  // What is announced must come (RFC 9113 section 8.1.1).
  return !hasBody && head.body !== 0 ? "a body that is shorter than its length" : null;
}

function refuse(detail: string, code: ReasonCode = "UPSTREAM_BAD_RESPONSE"): AnswerRefusal {
  return { code, detail };
}
