/** How old an answer is (RFC 9111 section 4.2.3). */
import type { Fields } from "../fields.ts";
import { parseHttpDate } from "../http-date.ts";
import { maxDeltaSeconds } from "./cache-control.ts";
import type { FetchTimes } from "./cache-policy.ts";
import type { StoredAnswer } from "./stored-answer.ts";

/** When an answer was made, as far as its fields tell: its age is the time since. On the steady wall clock. */
export function bornAt(fields: Fields, times: FetchTimes): number {
  const { requestMs, responseMs, wallMs } = times;
  const delayMs = Math.max(0, responseMs - requestMs);
  // Date has seconds: what has passed of the second in which the answer came is no age.
  const apparentMs = Math.max(0, floorToSecond(wallMs) - dateOf(fields, wallMs));
  return responseMs - Math.max(apparentMs, ageFieldSeconds(fields) * 1000 + delayMs);
}

/** The time that Date says; if there is none that can be read, `wallMs`, when the answer came. In whole seconds. */
export function dateOf(fields: Fields, wallMs: number): number {
  const date = fields.value("date");
  return (date === null ? null : parseHttpDate(date, wallMs)) ?? floorToSecond(wallMs);
}

/**
 * What Age says: the first number of a list that should have one member; what is no number is ignored (RFC 9111 section
 * 5.1).
 */
function ageFieldSeconds(fields: Fields): number {
  const first = /^([0-9]+)[\t ]*(?:,|$)/.exec(fields.value("age") ?? "");
  return first === null ? 0 : Math.min(Number(first[1]), maxDeltaSeconds);
}

const floorToSecond = (ms: number): number => Math.floor(ms / 1000) * 1000;

/** What Age says in an answer that is given at `nowMs` (RFC 9111 section 5.1). */
export function ageSeconds(answer: StoredAnswer, nowMs: number): number {
  return Math.max(0, Math.min(Math.floor((nowMs - answer.bornMs) / 1000), maxDeltaSeconds));
}
