/**
 * Answers a client from what is stored, or from what is being written while it grows: by its method, its conditions (RFC
 * 9110 section 13, RFC 9111 section 4.3.2) and its range (RFC 9110 section 14). What the origin has said stays as it was,
 * Date included; Age says how old it is, Cache-Status how it came about.
 */
import type { StoredBody } from "../../cache/cache-store.ts";
import type { AnswerHead } from "../../http/answer.ts";
import { type BodySink, type BodySource, emptySource } from "../../http/body.ts";
import { ageSeconds } from "../../http/cache/age.ts";
import { evaluateConditions } from "../../http/cache/conditions.ts";
import { type BodyRange, selectRange } from "../../http/cache/range.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import type { Exchange } from "../../http/exchange.ts";
import type { ReasonCode } from "../../http/reason.ts";
import type { CachedRoute } from "./cached-route.ts";
import type { HowServed } from "./how-served.ts";
import type { RequestFacts } from "./request-facts.ts";
import { partFields, StoredHead, withoutContentFields } from "./stored-head.ts";

/** Who is answered. */
export interface StoredAnswerClient {
  readonly exchange: Exchange;
  readonly facts: RequestFacts;
  readonly route: CachedRoute;
}

/** Answers `client` from `found`, which is opened or released by that. */
export function answerFromStore(client: StoredAnswerClient, found: StoredBody, how: HowServed): void {
  const { exchange, facts, route } = client;
  const { answer } = found;
  route.note(exchange, how.result);
  const nowMs = route.parts.clock.nowMs();
  const freshMs = answer.freshUntilMs - nowMs;
  // A soft purge may have made it stale before its time.
  const status = route.statusLine(how, how.result === "stale" ? Math.min(freshMs, 0) : freshMs);
  const age = ageSeconds(answer, nowMs);
  // Age says that the origin has neither made nor validated it for this request (RFC 9111 section 5.1).
  const isNew = age === 0 && how.forward !== null && !how.isCollapsed;
  const lines = isNew ? status : `Age: ${age}\r\n${status}`;
  const hasCondition = facts.ifNoneMatch !== null || facts.ifModifiedSince !== null;
  if (hasCondition && evaluateConditions(facts, answer) === "not-modified") {
    found.release();
    return answerWithout(exchange, notModifiedHead(answer, lines));
  }
  if (exchange.request.method === "HEAD") {
    found.release();
    return answerWithout(exchange, wholeHead(answer, lines, 0));
  }
  const range =
    facts.range === null || answer.bodyBytes === null ? "whole" : selectRange(facts, answer, answer.bodyBytes);
  if (range === "unsatisfiable") {
    found.release();
    return answerWithout(exchange, unsatisfiableHead(answer, lines));
  }
  const source = new StoredSource(found);
  if (range === "whole") {
    const sink = exchange.start(wholeHead(answer, lines, answer.bodyBytes ?? "unknown"), source);
    source.open(0, Number.POSITIVE_INFINITY, sink);
  } else {
    const sink = exchange.start(partHead(answer, lines, range), source);
    source.open(range.start, range.end, sink);
  }
}

function answerWithout(exchange: Exchange, head: AnswerHead): void {
  exchange.start(head, emptySource).end(null);
}

function wholeHead({ status, reasonPhrase, fields, bodyBytes }: StoredAnswer, lines: string, body: AnswerHead["body"]) {
  return new StoredHead(status, reasonPhrase, fields + lines, { body, declaredLength: bodyBytes });
}

function partHead({ fields, bodyBytes }: StoredAnswer, lines: string, { start, end }: BodyRange): StoredHead {
  const contentRange = `Content-Range: bytes ${start}-${end - 1}/${bodyBytes}\r\n`;
  const length = end - start;
  return new StoredHead(206, null, partFields(fields) + lines + contentRange, { body: length, declaredLength: length });
}

function notModifiedHead({ fields }: StoredAnswer, lines: string): StoredHead {
  return new StoredHead(304, null, withoutContentFields(fields) + lines, { body: 0, declaredLength: null });
}

function unsatisfiableHead({ fields, bodyBytes }: StoredAnswer, lines: string): StoredHead {
  const contentRange = `Content-Range: bytes */${bodyBytes}\r\n`;
  return new StoredHead(416, null, withoutContentFields(fields) + lines + contentRange, { body: 0, declaredLength: 0 });
}

/** Gives a stored body to whoever takes the answer; stands between, because the one is asked for with the other. */
class StoredSource implements BodySource {
  readonly #found: StoredBody;
  #inner: BodySource | null = null;
  #stopped: ReasonCode | null = null;

  constructor(found: StoredBody) {
    this.#found = found;
  }

  open(start: number, end: number, sink: BodySink): void {
    if (this.#stopped !== null) return this.#found.release();
    const inner = this.#found.open(start, end, sink);
    this.#inner = inner;
    if (this.#stopped !== null) inner.stop(this.#stopped);
  }

  resume(): void {
    this.#inner?.resume();
  }

  stop(code: ReasonCode): void {
    if (this.#stopped !== null) return;
    this.#stopped = code;
    this.#inner?.stop(code);
  }
}
