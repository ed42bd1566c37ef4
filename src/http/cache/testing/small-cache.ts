/** A cache of a few lines over the rules, for one URL: no bodies, no sockets, a clock that somebody else sets. */
import { Framing } from "../../message.ts";
import { requestDirectives } from "../cache-control.ts";
import type { CachePolicy } from "../cache-policy.ts";
import { validatorLines } from "../conditions.ts";
import { refreshed } from "../refresh.ts";
import { judgeStorage, type StorageRequest } from "../storage.ts";
import { type StoredAnswer, toStoredAnswer } from "../stored-answer.ts";
import { judgeUse, mayStandInForError } from "../use.ts";
import { variantKey } from "../vary.ts";
import type { ReceivedAnswer } from "./oracle.ts";
import { answerHead, requestWith } from "./messages.ts";
import { type AnswerModel, type RequestModel, writeAnswer, writeRequest } from "./message-models.ts";

/** What the cache has stored, and what it stands for. */
export interface Entry {
  readonly answer: StoredAnswer;
  readonly received: ReceivedAnswer;
}

/** What came of a look at the cache. `use` null: there is nothing stored for the request. */
export interface Look {
  readonly entry: Entry | null;
  readonly use: ReturnType<typeof judgeUse> | null;
}

const nothing: Look = { entry: null, use: null };

/** The cache. */
export class SmallCache {
  readonly #policy: CachePolicy;
  readonly #entries = new Map<string, Entry>();
  /** Names that Vary had, the newest first. */
  readonly #names: (readonly string[])[] = [];

  constructor(policy: CachePolicy) {
    this.#policy = policy;
  }

  look(request: RequestModel, nowMs: number): Look {
    if (!["GET", "HEAD"].includes(request.method)) return nothing;
    const written = toRequest(request);
    let found = nothing;
    for (const names of this.#names) {
      const entry = this.#entries.get(keyOf(names, written));
      if (entry === undefined) continue;
      if (request.hasCredentials && !entry.answer.isShared) continue;
      const use = judgeUse(entry.answer, requestDirectives(written), nowMs);
      // What is stale does not hide what is fresh.
      if (use === "fresh") return { entry, use };
      if (found.entry === null) found = { entry, use };
    }
    return found;
  }

  /** Has the entry something that its origin can be asked by? */
  canBeValidated(entry: Entry): boolean {
    return validatorLines(entry.answer) !== "";
  }

  mayStandIn(entry: Entry, request: RequestModel, nowMs: number): boolean {
    return mayStandInForError(entry.answer, requestDirectives(toRequest(request)), nowMs);
  }

  /** Takes an answer. @returns why it is not stored; null if it is */
  take(received: ReceivedAnswer): string | null {
    const { request, answer, requestMs, responseMs } = received;
    const written = toRequest(request);
    const head = answerHead(writeAnswer(answer), { status: answer.status });
    const storage = judgeStorage(written, head, { requestMs, responseMs, wallMs: responseMs }, this.#policy);
    if (!storage.isStored) return storage.why;
    const stored = toStoredAnswer(storage.answer, { url: "http://a/", tags: [], purgeSequence: 0 });
    const index = this.#names.findIndex((names) => names.join() === storage.varyNames.join());
    if (index !== -1) this.#names.splice(index, 1);
    this.#names.unshift(storage.varyNames);
    this.#entries.set(keyOf(storage.varyNames, written), { answer: stored, received });
    return null;
  }

  /** Takes a 304. @returns the entry as it is now; null if it has to be fetched anew */
  refresh(entry: Entry, given: AnswerModel, updated: ReceivedAnswer): Entry | null {
    const { requestMs, responseMs } = updated;
    const head = answerHead(writeAnswer(given), { status: 304, body: 0 });
    const answer = refreshed(entry.answer, head, { requestMs, responseMs, wallMs: responseMs }, this.#policy);
    for (const [key, one] of this.#entries) {
      if (one !== entry) continue;
      if (answer === null) this.#entries.delete(key);
      else this.#entries.set(key, { answer, received: updated });
    }
    return answer === null ? null : { answer, received: updated };
  }

  clear(): void {
    this.#entries.clear();
  }
}

function toRequest(model: RequestModel): StorageRequest {
  const request = requestWith(writeRequest(model), model.method);
  return model.hasBody ? { ...request, framing: Framing.length } : request;
}

const keyOf = (names: readonly string[], request: StorageRequest): string =>
  variantKey("key", names, (name) => request.field(name));
