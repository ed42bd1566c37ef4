/**
 * Tells attempts and openers that a connection to an endpoint is lost or did not come about. An exception in one of
 * them does not keep the others from being told.
 */
import { ProxyError, type ReasonCode } from "../../http/reason.ts";
import { socketShortage } from "../../net/socket-shortage.ts";
import type { ConnectionAttempt, ConnectionOpener, ConnectionOwner } from "./connection-attempt.ts";
import type { EndpointConnection } from "./endpoint-connection.ts";

type BugListener = Pick<ConnectionOwner, "onInternalError">;

/** Why no connection came about. What this process or machine runs short of is no failure of the endpoint. */
export function connectFailureOf(error: NodeJS.ErrnoException, family: "tcp" | "unix"): ReasonCode {
  const shortage = socketShortage(error.code, family);
  if (shortage === null) return "UPSTREAM_CONNECT_FAILED";
  return shortage === "ports" ? "NO_LOCAL_ADDRESS" : "OVERLOADED";
}

/** Tells `opener` that `connection` did not come about; nothing was sent. */
export function failOpener(
  opener: ConnectionOpener,
  connection: EndpointConnection,
  loss: { readonly code: ReasonCode; readonly detail: string; readonly owner: BugListener },
): void {
  try {
    opener.onConnectFailed(connection, new ProxyError(loss.code, { replay: "safe", detail: loss.detail }));
  } catch (bug) {
    loss.owner.onInternalError(bug);
  }
}

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
