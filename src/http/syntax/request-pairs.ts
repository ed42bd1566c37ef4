/**
 * From the pairs of a protocol that has pseudo-fields in place of a request line (RFC 9113 section 8.3) to a
 * `RequestHead`, or to the reason for refusing them. What is that kind of protocol's own is here: which pseudo-fields
 * there must be, names in lower case, no fields of a connection. What the fields mean is read where HTTP/1.1 reads it.
 */
import { isToken } from "../field-text.ts";
import { RequestHead } from "../message.ts";
import type { ReasonCode } from "../reason.ts";
import {
  findPairsProblem,
  isOfConnection,
  isPseudo,
  isTarget,
  type PairsLimits,
  type PairsProblem,
} from "./pair-fields.ts";
import { keptSpecials, RequestReading, unreadSpecials } from "./request-reading.ts";
import { readRequestTarget } from "./request-target.ts";
import { Special, specialOfName } from "./special-fields.ts";

/** What there is to know of a request beside its pairs. */
export interface PairsContext extends PairsLimits {
  /** Trust fields of a trusted peer are kept. */
  readonly isPeerTrusted: boolean;
  /** A body follows, if only an empty one. */
  readonly hasBody: boolean;
}

/** What the pseudo-fields say. */
interface Pseudo {
  method: string | null;
  scheme: string | null;
  authority: string | null;
  path: string | null;
  protocol: string | null;
}

const refusals: Record<PairsProblem, ReasonCode> = {
  "bad field": "BAD_FIELD",
  "too many fields": "TOO_MANY_FIELDS",
  "too large": "HEAD_TOO_LARGE",
};
const maxMethodLength = 32;
const reading = new RequestReading();

/**
 * Reads `pairs`: name, value, name, value, …, latin1, pseudo-fields first. @returns the head, or why it is refused
 */
export function readRequestPairs(pairs: readonly string[], context: PairsContext): RequestHead | ReasonCode {
  const pseudo: Pseudo = { method: null, scheme: null, authority: null, path: null, protocol: null };
  const fieldsAt = readPseudo(pairs, pseudo);
  if (fieldsAt === -1) return "BAD_REQUEST_LINE";
  const { method, scheme, authority, path } = pseudo;
  if (method === null || method.length > maxMethodLength || !isToken(method)) return "BAD_METHOD";
  if ((scheme !== "http" && scheme !== "https") || path === null || !isTarget(path)) return "BAD_TARGET";
  const problem = findPairsProblem(pairs, fieldsAt, context);
  if (problem !== null) return refusals[problem];
  const head = new RequestHead();
  head.majorVersion = 2;
  head.method = method;
  head.target = path;
  reading.begin();
  if (authority !== null) reading.take(head, Special.host, authority);
  return readFields(head, pairs.slice(fieldsAt), context) ?? endRequest(head, pseudo, context) ?? head;
}

/** @returns where the fields begin; -1 if a pseudo-field is unknown, repeated or stands behind a field */
function readPseudo(pairs: readonly string[], pseudo: Pseudo): number {
  let at = 0;
  for (; at < pairs.length && isPseudo(pairs[at]!); at += 2) {
    const name = pairs[at]!.slice(1);
    if (!Object.hasOwn(pseudo, name) || pseudo[name as keyof Pseudo] !== null) return -1;
    pseudo[name as keyof Pseudo] = pairs[at + 1]!;
  }
  for (let later = at; later < pairs.length; later += 2) if (isPseudo(pairs[later]!)) return -1;
  return at;
}

function readFields(head: RequestHead, fields: readonly string[], context: PairsContext): ReasonCode | null {
  const isKept = keptSpecials(context.isPeerTrusted);
  const isAuthoritySaid = head.hasHostField;
  let text = "";
  let kept = "";
  let cookie: string | null = null;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at]!;
    const value = fields[at + 1]!;
    const special = specialOfName(name);
    text += `${name}: ${value}\r\n`;
    // RFC 9113 section 8.2.3: it may come in crumbs.
    if (name === "cookie") cookie = cookie === null || value === "" ? (cookie ?? value) : `${cookie}; ${value}`;
    else if (special === Special.none || isKept[special] === 1) kept += `${name}: ${value}\r\n`;
    if (isOfConnection(name, special)) return "BAD_FIELD";
    if (special === Special.te && value !== "trailers") return "BAD_FIELD";
    if (unreadSpecials[special] === 1) continue;
    // RFC 9113 section 8.3.1: Host beside `:authority` says the same.
    if (special === Special.host && isAuthoritySaid) {
      if (value !== head.authority) return "BAD_HOST";
      continue;
    }
    const failure = reading.take(head, special, value);
    if (failure !== null) return failure;
  }
  if (cookie !== null) kept += `cookie: ${cookie}\r\n`;
  head.keptFields = kept;
  const requestLine = `${head.method} ${head.target} HTTP/2.0\r\n`;
  head.text = `${requestLine}${text}\r\n`;
  head.fieldsStart = requestLine.length;
  return null;
}

function endRequest(head: RequestHead, { protocol }: Pseudo, { hasBody }: PairsContext): ReasonCode | null {
  // A tunnel asked for by CONNECT (RFC 8441) is what HTTP/1.1 asks for by GET and Upgrade.
  if (protocol !== null) {
    if (head.method !== "CONNECT") return "BAD_REQUEST_LINE";
    head.method = "GET";
    reading.takeTunnel(protocol);
  } else if (hasBody && !reading.hasLength) reading.take(head, Special.transferEncoding, "chunked");
  const received = head.target;
  const failure = reading.end(head) ?? readRequestTarget(head, received);
  if (failure !== null) return failure;
  // An absolute form is HTTP/1.1's: its authority would stand beside the other one.
  if (received.charCodeAt(0) !== 47 && received !== "*") return "BAD_TARGET";
  if (protocol !== null && head.upgrade === null) return "METHOD_NOT_ALLOWED";
  // What is announced must come (RFC 9113 section 8.1.1).
  return !hasBody && head.contentLength > 0 ? "BAD_CONTENT_LENGTH" : null;
}
