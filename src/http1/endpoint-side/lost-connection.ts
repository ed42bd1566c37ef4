/**
 * Tells attempts that their connection to an endpoint is lost. An exception in one of them does not keep the others from
 * being told.
 */
import type { Attempt } from "../../http/attempt.ts";
import { ProxyError } from "../../http/reason.ts";
import type { ConnectionOwner } from "./connection-owner.ts";

/** Hears of the bugs of those who are told. */
export type BugListener = Pick<ConnectionOwner, "onInternalError">;

/** Tells `attempt`, whose answer was the next or had begun, that it has failed. */
export function failAttempt(attempt: Attempt, error: ProxyError, owner: BugListener): void {
  try {
    attempt.onFailure(error);
  } catch (bug) {
    owner.onInternalError(bug);
  }
}

/**
 * Tells `attempts`, which were in flight behind another, that they were never answered: they may be sent again
 * elsewhere.
 */
export function failUnanswered(attempts: readonly Attempt[], detail: string, owner: BugListener): void {
  for (const attempt of attempts)
    failAttempt(attempt, new ProxyError("UPSTREAM_RESET", { replay: "if-reused", detail }), owner);
}
