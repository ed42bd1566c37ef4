/** One path of the admin listener, as each of them is described. */
import type { AccessNeed } from "./admin-access.ts";
import type { AdminAnswer } from "./admin-answer.ts";
import type { AdminSources } from "./admin-sources.ts";

/** What a path may know of the request. */
export interface AdminCall {
  readonly accept: string | undefined;
  /** At most 64 KiB; empty if there was none. */
  readonly body: string;
  /** Who asks, for the log: the peer's address, or "unix socket". */
  readonly peer: string;
}

/** What a path answers with. */
export interface AdminPath {
  readonly method: "GET" | "POST";
  readonly need: AccessNeed;
  readonly about: string;
  answer(sources: AdminSources, call: AdminCall): AdminAnswer | Promise<AdminAnswer>;
}
