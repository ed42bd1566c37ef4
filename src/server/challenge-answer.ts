/**
 * Answers the questions of certificate authorities (HTTP-01: RFC 8555 section 8.3) before anything else is done with a
 * request: neither a redirect to HTTPS nor a login may stand before them. Tokens that nobody here knows belong to the
 * endpoints.
 */
import type { Exchange } from "../http/exchange.ts";
import { sendOwnAnswer } from "../http/own-answer.ts";
import { Hold, passOn } from "../middleware/pass-on.ts";
import type { PlaneCertificates } from "./plane-certificates.ts";

const prefix = "/.well-known/acme-challenge/";
const maxTokenLength = 256;

/** Answers, or passes the exchange on: at once, or after another instance's store was asked. */
export function answerChallenge(
  exchange: Exchange,
  certificates: PlaneCertificates,
  passOnTo: (exchange: Exchange) => void,
): void {
  const { path, method } = exchange.request;
  const token = path.slice(prefix.length);
  if ((method !== "GET" && method !== "HEAD") || token.length > maxTokenLength || !/^[\w-]+$/.test(token)) {
    passOnTo(exchange);
    return;
  }
  if (answer(exchange, certificates.keyAuthorizationOf(token))) return;
  if (!certificates.areChallengesShared) {
    passOnTo(exchange);
    return;
  }
  const hold = new Hold(exchange);
  void certificates.wantHttpChallenge(exchange.listenerName, token).then(() => {
    if (!hold.release()) return;
    passOn(exchange, () => {
      if (!answer(exchange, certificates.keyAuthorizationOf(token))) passOnTo(exchange);
    });
  });
}

/** Whether a request asks for such an answer. */
export function isChallengePath(path: string): boolean {
  return path.startsWith(prefix);
}

function answer(exchange: Exchange, keyAuthorization: string | null): boolean {
  if (keyAuthorization === null) return false;
  const fields = "Content-Type: application/octet-stream\r\n";
  sendOwnAnswer(exchange, { status: 200, fields, content: Buffer.from(keyAuthorization, "latin1") });
  return true;
}
