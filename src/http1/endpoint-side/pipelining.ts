/** What HTTP/1.1 asks of a request that shares a connection, or is lost with one (RFC 9112 sections 9.3.1 and 9.3.2). */
import type { Attempt } from "../../http/attempt.ts";
import { isIdempotent } from "../../http/method.ts";
import type { OutgoingRequest } from "../../http/outgoing-request.ts";
import { SkippedAttempt } from "./skipped-attempt.ts";

/**
 * May it be written to a connection behind others that are not answered yet, and others behind it? Not HEAD: if an
 * endpoint sends a body with its answer, as some do, that body would be the answer to the next.
 */
export function canPipeline(attempt: Attempt): boolean {
  const { request, wish } = attempt;
  return (
    (wish === "any" &&
      request.method === "GET" &&
      request.body === 0 &&
      request.tunnel === null &&
      !request.bindsConnection) ||
    attempt instanceof SkippedAttempt
  );
}

/** If its connection turns out to have been closed, can it be sent again on another one? */
export function canRepeat(request: OutgoingRequest): boolean {
  return request.body === 0 && !request.bindsConnection && isIdempotent(request.method);
}
