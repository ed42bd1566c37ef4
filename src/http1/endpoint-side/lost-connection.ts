/**
 * Tells attempts that their connection to an endpoint is lost. An exception in one of them does not keep the others from
 * being told.
 */
import { ProxyError } from "../../http/reason.ts";
import type { ConnectionAttempt, ConnectionOwner } from "./connection-attempt.ts";

type BugListener = Pick<ConnectionOwner, "onInternalError">;

/** Tells `attempt`, whose answer was the next or had begun, that it has failed. */
export function failAttempt(attempt: ConnectionAttempt, error: ProxyError, owner: BugListener): void {
  try {
    attempt.onError(error);
  } catch (bug) {
    owner.onInternalError(bug);
  }
}

/**
 * Tells `attempts`, which were in flight behind another, that they were never answered: they may be sent again
 * elsewhere.
 */
export function failUnanswered(attempts: readonly ConnectionAttempt[], detail: string, owner: BugListener): void {
  for (const attempt of attempts)
    failAttempt(attempt, new ProxyError("UPSTREAM_RESET", { replay: "if-reused", detail }), owner);
}
