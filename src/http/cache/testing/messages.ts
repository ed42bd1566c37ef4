/** Requests, answers and times for tests of the rules of caches. */
import type { AnswerHead } from "../../answer.ts";
import type { BodyLength } from "../../body.ts";
import { Fields } from "../../fields.ts";
import { fieldValue } from "../../field-text.ts";
import { Framing } from "../../message.ts";
import { type CachePolicy, defaultCachePolicy, type FetchTimes } from "../cache-policy.ts";
import { judgeStorage, type StorageRequest } from "../storage.ts";
import { type StoredAnswer, toStoredAnswer } from "../stored-answer.ts";

/** When the answers of these tests come: at a full second, so that dates say it exactly. */
export const startMs = Date.UTC(2026, 10, 30, 12);

/** An exchange that takes no time. */
export const timesAt = (ms: number): FetchTimes => ({ requestMs: ms, responseMs: ms, wallMs: ms });

/** `seconds` after `startMs`, as an HTTP date. */
export const dateAfter = (seconds: number): string => new Date(startMs + seconds * 1000).toUTCString();

/** The head of an endpoint's answer. @param lines `name: value` each */
export function answerHead(
  lines: readonly string[],
  { status = 200, body = 5 }: { readonly status?: number; readonly body?: BodyLength } = {},
): AnswerHead {
  return {
    status,
    reasonPhrase: "",
    fields: Fields.ofText(lines.map((line) => `${line}\r\n`).join("")),
    body,
    declaredLength: body === "unknown" ? null : body,
    tunnel: null,
    from: "endpoint",
  };
}

/** A request. @param lines as of `answerHead` */
export function requestWith(lines: readonly string[] = [], method = "GET"): StorageRequest {
  const text = lines.map((line) => `${line}\r\n`).join("");
  return { method, framing: Framing.none, field: (name) => fieldValue(text, name) };
}

/** The answer as it is stored at `startMs`. @throws Error if it is not */
export function stored(
  lines: readonly string[],
  { policy = defaultCachePolicy, status = 200 }: { readonly policy?: CachePolicy; readonly status?: number } = {},
): StoredAnswer {
  const head = answerHead([`Date: ${dateAfter(0)}`, ...lines], { status });
  const storage = judgeStorage(requestWith(), head, timesAt(startMs), policy);
  if (!storage.isStored) throw new Error(`not stored: ${storage.why}`);
  return toStoredAnswer(storage.answer, { url: "http://a/", tags: [], purgeSequence: 0 });
}
