/** What a failed attempt says of its endpoint. */
import type { ReasonCode } from "../http/reason.ts";
import type { AttemptOutcome } from "../upstream/attempt-observer.ts";

/** The outcome of an attempt that ended with `code`. What is not the endpoint's doing counts as cancelled. */
export function toOutcome(code: ReasonCode): AttemptOutcome {
  switch (code) {
    case "UPSTREAM_CONNECT_FAILED":
    case "UPSTREAM_CONNECT_TIMEOUT":
    case "UPSTREAM_DNS_FAILED":
    case "UPSTREAM_DNS_TIMEOUT":
    case "UPSTREAM_TLS_FAILED":
    case "UPSTREAM_TLS_UNTRUSTED":
    case "UPSTREAM_TLS_EXPIRED":
    case "UPSTREAM_TLS_WRONG_NAME":
    case "UPSTREAM_TLS_REFUSED":
    case "UPSTREAM_TLS_TIMEOUT":
      return "connect";
    case "UPSTREAM_RESET":
    case "UPSTREAM_TRUNCATED":
      return "reset";
    case "UPSTREAM_FIRST_BYTE_TIMEOUT":
    case "UPSTREAM_TRY_TIMEOUT":
    case "UPSTREAM_IDLE_TIMEOUT":
      return "timeout";
    case "UPSTREAM_BAD_RESPONSE":
    case "UPSTREAM_HEAD_TOO_LARGE":
    case "UPSTREAM_BAD_UPGRADE":
      return "malformed";
    default:
      return "cancelled";
  }
}
