/** How long an answer is kept in a server that lets go of it by itself. */
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";

/** How much longer than it can be used an answer is kept that can be validated, and what leads to such answers. */
const validatedMs = 3_600_000;

/** No answer is kept longer; RFC 9111 knows no bound, servers have one. */
const maxMs = 31_536_000_000;

/** In whole milliseconds from `nowMs` on; 0 = it is of no use any more. */
export function keepTimeOf(answer: StoredAnswer, nowMs: number): number {
  const usableUntilMs = Math.max(
    answer.freshUntilMs,
    answer.staleWhileRevalidateUntilMs,
    answer.staleIfErrorUntilMs,
    0,
  );
  const isValidated = answer.variants !== null || /^(?:etag|last-modified):/im.test(answer.fields);
  const untilMs = isValidated ? Math.max(usableUntilMs, nowMs) + validatedMs : usableUntilMs;
  return Math.max(0, Math.min(maxMs, Math.ceil(untilMs - nowMs)));
}
