/** Fetches what is not in the cache, and stores it. */
import type { Draft } from "../../cache/cache-store.ts";
import type { AnswerFilter, AnswerHead, NextResponder } from "../../http/answer.ts";
import { withFields } from "../../http/answer.ts";
import type { BodySink, BodySource } from "../../http/body.ts";
import { judgeStorage } from "../../http/cache/storage.ts";
import { type StoredAnswer, toStoredAnswer, withBodyBytes } from "../../http/cache/stored-answer.ts";
import type { Fields } from "../../http/fields.ts";
import type { ReasonCode } from "../../http/reason.ts";
import type { Miss } from "./miss.ts";
import { withVariant } from "./variants-record.ts";

/** Fetches what is missing and answers the client. */
export function fetchAnswer(miss: Miss): void {
  const { exchange, outgoing, next, stale, route } = miss;
  stale?.release();
  exchange.outgoing = outgoing;
  route.note(exchange, "miss");
  exchange.filterAnswer(new Storing(miss));
  next(exchange);
}

/** Validates behind an answer that has been given. */
export function revalidateBehind(_miss: Omit<Miss, "answer">): void {
  // Nothing yet: the answer expires, and is fetched then.
}

class Storing implements AnswerFilter {
  readonly #miss: Miss;
  readonly #requestMs: number;
  readonly #purgeSequence: number;

  constructor(miss: Miss) {
    this.#miss = miss;
    this.#requestMs = miss.route.parts.clock.nowMs();
    this.#purgeSequence = miss.route.parts.purges.sequence;
  }

  start(head: AnswerHead, source: BodySource, next: NextResponder): BodySink {
    const { route, exchange, primaryKey, forward } = this.#miss;
    const times = { requestMs: this.#requestMs, responseMs: route.parts.clock.nowMs(), wallMs: Date.now() };
    const storage = judgeStorage(exchange.request, head, times, route.policy);
    let draft: Draft | null = null;
    let answer: StoredAnswer | null = null;
    let key = primaryKey;
    if (storage.isStored) {
      answer = toStoredAnswer(storage.answer, {
        url: route.urlOf(exchange),
        tags: route.tagsOf(head.fields),
        purgeSequence: this.#purgeSequence,
      });
      if (storage.varyNames.length > 0) key = route.variantKeyOf(exchange, primaryKey, storage.varyNames);
      draft = route.store.create(key, answer);
    }
    const line = route.statusLine(
      { result: "miss", forward, forwardStatus: null, isStored: draft !== null, isCollapsed: false },
      null,
    );
    const sink = next.start(withFields(head, head.fields.plusText(line)), source);
    if (draft === null || answer === null) return sink;
    const names = storage.isStored ? storage.varyNames : [];
    return new Tee(sink, draft, answer, (stored) => {
      if (names.length === 0) return;
      route.store.find(primaryKey, (found) => {
        const record = withVariant(found?.answer ?? null, { names, key, answer: stored });
        found?.release();
        route.store.create(primaryKey, record)?.commit(record);
      });
    });
  }
}

class Tee implements BodySink {
  readonly #sink: BodySink;
  readonly #draft: Draft;
  readonly #answer: StoredAnswer;
  readonly #onStored: (answer: StoredAnswer) => void;
  #bytes = 0;

  constructor(sink: BodySink, draft: Draft, answer: StoredAnswer, onStored: (answer: StoredAnswer) => void) {
    this.#sink = sink;
    this.#draft = draft;
    this.#answer = answer;
    this.#onStored = onStored;
  }

  data(chunk: Buffer): void {
    this.#bytes += chunk.length;
    this.#draft.append(chunk);
    this.#sink.data(chunk);
  }

  flush(): boolean {
    return this.#sink.flush();
  }

  end(trailers: Fields | null): boolean {
    const answer = withBodyBytes(this.#answer, this.#bytes);
    this.#draft.commit(answer);
    this.#onStored(answer);
    return this.#sink.end(trailers);
  }

  abort(code: ReasonCode): void {
    this.#draft.abort();
    this.#sink.abort(code);
  }
}
