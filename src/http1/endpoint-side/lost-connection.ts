/**
 * Tells attempts that their connection to an endpoint is lost. An exception in one of them does not keep the others from
 * being told.
 */
import type { Attempt } from "../../http/attempt.ts";
import { ProxyError, type ReasonCode, type Replay } from "../../http/reason.ts";
import type { ConnectionOwner } from "./connection-owner.ts";

/** Hears of the bugs of those who are told. */
export type BugListener = Pick<ConnectionOwner, "onInternalError">;

/**
 * May the request be sent again whose answer was the next when its connection was lost, by `code`? An endpoint that
 * refuses our certificate says so when the handshake is over for us (TLS 1.3): it has read no request.
 * @param connection `stale` = it had served before, and nothing of the answer had come
 */
export function replayAfter(code: ReasonCode, connection: "stale" | "other"): Replay {
  if (code === "UPSTREAM_TLS_REFUSED") return "safe";
  return connection === "stale" && code === "UPSTREAM_RESET" ? "if-reused" : "unsafe";
}

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
