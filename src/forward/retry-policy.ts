/**
 * May a failed attempt be followed by another? A request is sent again only if nothing was sent to the client yet,
 * the body can be given again, and the endpoint either cannot have processed it or would do no harm by processing it
 * twice (RFC 9110 section 9.2.2).
 */
import type { RandomSource } from "../base/random.ts";
import type { EndpointAnswer } from "../http/attempt.ts";
import type { ProxyError } from "../http/reason.ts";
import type { RetryOptions } from "../upstream/retry-options.ts";

/** A retry policy, ready for use. */
export interface RetryPolicy {
  /** How many further attempts there may be, the free one not counted. */
  readonly attempts: number;
  readonly isOnConnect: boolean;
  readonly isOnReset: boolean;
  readonly isOnTimeout: boolean;
  /** Statuses of an endpoint that count as failure; null = none. */
  readonly statuses: ReadonlySet<number> | null;
  /** Milliseconds for an attempt until the first byte of its answer; 0 = no limit but the endpoint's. */
  readonly perTryTimeoutMs: number;
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
  /**
   * It went over a connection for which a login holds, or used such a login: elsewhere it would mean something else.
   */
  readonly isBound: boolean;
}

/**
 * `free`: once more on a new connection, to any endpoint; `other`: once more elsewhere; `no`: the failure is the
 * answer.
 */
export type RetryDecision = "no" | "free" | "other";

/** Before the first retry, on average half of this; it doubles with each, and is never more than `maxBackoffMs`. */
const backoffMs = 25;
const maxBackoffMs = 250;
/** An endpoint that asks for more patience than this means it: its 503 is passed on. */
const maxRetryAfterSeconds = 1;

/** The policy that `options` describe. */
export function compileRetryPolicy(options: RetryOptions): RetryPolicy {
  const { attempts, on, perTryTimeout } = options;
  const statuses = attempts === 0 ? [] : on.filter((cause) => typeof cause === "number");
  return {
    attempts,
    isOnConnect: on.includes("connect"),
    isOnReset: on.includes("reset"),
    isOnTimeout: on.includes("timeout"),
    statuses: statuses.length === 0 ? null : new Set(statuses),
    perTryTimeoutMs: perTryTimeout,
  };
}

/** After a failure. The budget is asked afterwards, by whoever acts on it. */
export function decideRetry(error: ProxyError, facts: RetryFacts, policy: RetryPolicy): RetryDecision {
  if (facts.isHeadSent || !facts.isBodyReplayable || error.side !== "upstream") return "no";
  const hasRetries = facts.retries < policy.attempts;
  if (error.replay === "safe") return policy.isOnConnect && hasRetries ? "other" : "no";
  if (!facts.isIdempotent || facts.isBound) return "no";
  if (error.replay === "if-reused" && !facts.isFreeRetryUsed) return "free";
  return hasRetries && isCause(error, policy) ? "other" : "no";
}

function isCause(error: ProxyError, policy: RetryPolicy): boolean {
  switch (error.code) {
    case "UPSTREAM_RESET":
      return policy.isOnReset;
    // Whoever limits a single try wants another one.
    case "UPSTREAM_TRY_TIMEOUT":
      return true;
    case "UPSTREAM_FIRST_BYTE_TIMEOUT":
      return policy.isOnTimeout;
    default:
      return false;
  }
}

/** After an answer whose status may be among those that count as failure. */
export function shouldRetryAnswer(head: EndpointAnswer, facts: RetryFacts, policy: RetryPolicy): boolean {
  if (policy.statuses === null || !policy.statuses.has(head.status)) return false;
  if (
    facts.isBound ||
    head.bindsConnection ||
    !facts.isIdempotent ||
    !facts.isBodyReplayable ||
    facts.retries >= policy.attempts
  )
    return false;
  return head.status !== 503 || !asksForPatience(head);
}

/** RFC 9110 section 10.2.3: seconds, or a date, which is taken for long. */
function asksForPatience(head: EndpointAnswer): boolean {
  const retryAfter = head.fields.value("retry-after");
  return retryAfter !== null && !(/^\d{1,9}$/.test(retryAfter) && Number(retryAfter) <= maxRetryAfterSeconds);
}

/**
 * Milliseconds to wait before retry number `retry` (1 = the first): exponential, with full jitter, so that those who
 * failed together do not come back together.
 */
export function backoffOf(retry: number, random: RandomSource): number {
  return random() * Math.min(maxBackoffMs, backoffMs * 2 ** (retry - 1));
}
