/**
 * May a failed attempt be followed by another? A request is sent again only where nothing was sent to the client yet, the body can be given again, and the endpoint
 * either cannot have processed it or would do no harm by processing it twice (RFC 9110 section 9.2.2).
 */
import type { ProxyError } from "../http/reason.ts";

/** What a route says about retries. */
export interface RetryOptions {
  /** How many further attempts there may be. */
  readonly attempts: number;
  readonly on: readonly ("connect" | "reset")[];
}

/** What is known when an attempt has failed. */
export interface RetryFacts {
  readonly isHeadSent: boolean;
  readonly isBodyReplayable: boolean;
  readonly isIdempotent: boolean;
  /** Retries so far, not counting the free one. */
  readonly retries: number;
  /** The retry that costs nothing has been used: the connection was an old one that the endpoint had closed. */
  readonly isFreeRetryUsed: boolean;
}

/** `free`: once more on a new connection, to any endpoint; `other`: once more elsewhere; `no`: the failure is the answer. */
export type RetryDecision = "no" | "free" | "other";

const idempotentMethods = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** RFC 9110 section 9.2.2; an unknown method is not. */
export function isIdempotent(method: string): boolean {
  return idempotentMethods.has(method);
}

export function decideRetry(error: ProxyError, facts: RetryFacts, options: RetryOptions): RetryDecision {
  if (facts.isHeadSent || !facts.isBodyReplayable || error.side !== "upstream") return "no";
  if (error.replay === "safe") return options.on.includes("connect") && facts.retries < options.attempts ? "other" : "no";
  if (!facts.isIdempotent) return "no";
  if (error.replay === "if-reused" && !facts.isFreeRetryUsed) return "free";
  return error.code === "UPSTREAM_RESET" && options.on.includes("reset") && facts.retries < options.attempts ? "other" : "no";
}
