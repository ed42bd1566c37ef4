/** How old an answer is (RFC 9111 section 4.2.3). */
import type { Fields } from "../fields.ts";
import { parseHttpDate } from "../http-date.ts";
import { maxDeltaSeconds } from "./cache-control.ts";
import type { FetchTimes } from "./cache-policy.ts";
import type { StoredAnswer } from "./stored-answer.ts";

/** When an answer whose head came at `times.responseMs` was made, as far as its fields tell. */
export function bornAt(fields: Fields, times: FetchTimes): number {
  const { requestMs, responseMs } = times;
  const delayMs = Math.max(0, responseMs - requestMs);
  // Date has seconds: what has passed of the second in which the answer came is no age.
  const apparentMs = Math.max(0, floorToSecond(responseMs) - dateOf(fields, responseMs));
  return responseMs - Math.max(apparentMs, ageFieldSeconds(fields) * 1000 + delayMs);
}

/** The time that Date says; if there is none that can be read, when the answer came. In whole seconds. */
export function dateOf(fields: Fields, responseMs: number): number {
  const date = fields.value("date");
  return (date === null ? null : parseHttpDate(date, responseMs)) ?? floorToSecond(responseMs);
}

/**
 * What Age says. It is one number; of a plain list the first is taken (RFC 9111 section 5.1). That section says that a
 * malformed Age should be ignored; a cache upstream that writes one may have kept the answer for any time, so that it
 * counts as older than anything is fresh, which is always allowed.
 */
function ageFieldSeconds(fields: Fields): number {
  const age = fields.value("age");
  if (age === null) return 0;
  const first = /^([0-9]+)(?:,[0-9]+)*$/.exec(age);
  return first === null ? maxDeltaSeconds : Math.min(Number(first[1]), maxDeltaSeconds);
}

const floorToSecond = (ms: number): number => ms - (((ms % 1000) + 1000) % 1000);

/** What Age says in an answer that is given at `nowMs` (RFC 9111 section 5.1). */
export function ageSeconds(answer: StoredAnswer, nowMs: number): number {
  return Math.max(0, Math.min(Math.floor((nowMs - answer.bornMs) / 1000), maxDeltaSeconds));
}
