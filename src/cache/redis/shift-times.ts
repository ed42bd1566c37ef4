/** Brings the times of an answer that another machine has stored to this one's clock. */
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";

/** Clocks that are closer than this are taken to agree: what is seen of a difference is how long answers took, too. */
const toleranceMs = 1_000;

/** When it was stored, by three clocks; and what two of them say now. */
export interface StoringTimes {
  readonly writerMs: number;
  readonly serverMs: number;
  readonly serverNowMs: number;
  readonly nowMs: number;
}

/** What is to be added to times of the writer's clock; 0 if the clocks agree. */
export function shiftOf({ writerMs, serverMs, serverNowMs, nowMs }: StoringTimes): number {
  const shiftMs = nowMs - Math.max(0, serverNowMs - serverMs) - writerMs;
  return Math.abs(shiftMs) <= toleranceMs ? 0 : shiftMs;
}

/** The answer by this machine's clock. */
export function shifted(answer: StoredAnswer, shiftMs: number): StoredAnswer {
  if (shiftMs === 0) return answer;
  return {
    ...answer,
    bornMs: answer.bornMs + shiftMs,
    freshUntilMs: answer.freshUntilMs + shiftMs,
    staleWhileRevalidateUntilMs: answer.staleWhileRevalidateUntilMs + shiftMs,
    staleIfErrorUntilMs: answer.staleIfErrorUntilMs + shiftMs,
  };
}
