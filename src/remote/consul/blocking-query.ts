/**
 * Follows something in Consul: each question waits at the agent until there is something new, or for `waitMs`. An answer
 * is no proof of a change, and an empty one none that there is nothing; what is no proper answer is never told as one.
 * After a failure it asks anew, without an index: another server may answer, whose indexes are others.
 */
import type { ScheduledCall } from "../../base/scheduler.ts";
import { BackOff } from "../back-off.ts";
import { RemoteError, type RemoteAnswer, type RemoteHttp } from "../http-client.ts";
import type { ConsulObserver, ConsulOptions, ConsulParts, ConsulQuery } from "./consul-client.ts";
import { askConsul, readJson, refusalOf } from "./consul-questions.ts";
import { QueryPace } from "./pace.ts";
import { nextIndex, noIndex } from "./query-index.ts";

/**
 * So long does a question wait for something new. An agent that is gone without a word is noticed that late, and so is
 * a history that went back while no question was waiting: Consul lets one wait whose index lies ahead.
 */
const waitMs = 15_000;
/** How long the agent may need beyond what it is asked to wait. */
const marginMs = 10_000;
/** Consul waits up to a sixteenth longer, so that not all come at once. */
const longestWaitMs = Math.ceil(waitMs + waitMs / 16 + marginMs);
const longestPauseMs = 10_000;

/** What is followed, and how. */
export interface BlockingQueryParts extends ConsulParts {
  readonly options: ConsulOptions;
  /** For this alone: it is closed with it. */
  readonly http: RemoteHttp;
  readonly path: string;
  readonly query: ConsulQuery;
  readonly observer: ConsulObserver;
}

/** A loop of questions, from the start to `close`. */
export class BlockingQuery {
  readonly #parts: BlockingQueryParts;
  readonly #backOff: BackOff;
  readonly #pace: QueryPace;
  #index = noIndex;
  /** What was told last; null = nothing yet. */
  #told: string | null = null;
  #call: ScheduledCall | null;
  #isClosed = false;

  constructor(parts: BlockingQueryParts) {
    this.#parts = parts;
    this.#backOff = new BackOff({ longestMs: longestPauseMs, random: parts.random });
    this.#pace = new QueryPace(parts.scheduler.clock);
    this.#call = parts.scheduler.after(0, this.#ask);
  }

  close(): void {
    this.#isClosed = true;
    this.#call?.cancel();
    this.#call = null;
    this.#parts.http.close();
  }

  readonly #ask = (): void => {
    const { http, options, path, query } = this.#parts;
    const index = this.#index;
    const isWaiting = index !== noIndex;
    askConsul(http, options, {
      method: "GET",
      path,
      query: isWaiting ? { ...query, index, wait: `${waitMs / 1_000}s` } : query,
      // If the connection breaks, so may the history: an index of before would be waited for in vain.
      isIdempotent: !isWaiting,
      timeoutMs: isWaiting ? longestWaitMs : marginMs,
    })
      .then((answer) => {
        if (this.#isClosed) return;
        this.#take(answer);
        this.#backOff.reset();
        this.#askAfter(this.#pace.take());
      })
      .catch((error: unknown) => {
        if (this.#isClosed) return;
        // Whatever it was: the loop must not end, and must not spin.
        this.#index = noIndex;
        this.#askAfter(this.#backOff.next());
        this.#parts.observer.onFailure(error instanceof Error ? error.message : String(error));
      });
  };

  #askAfter(ms: number): void {
    if (!this.#isClosed) this.#call = this.#parts.scheduler.after(ms, this.#ask);
  }

  /** @throws RemoteError if the answer cannot be used */
  #take(answer: RemoteAnswer): void {
    const { options, path, observer } = this.#parts;
    const { headers } = answer;
    const isAbsent = answer.status === 404 && path.startsWith("kv/");
    const refusal = isAbsent ? null : refusalOf(options, answer);
    if (refusal !== null) throw refusal;
    // A server that reads for itself (`stale`) and knows of no leader may have been cut off long ago.
    if (headers["x-consul-knownleader"] === "false") throw malformed("the server that answers knows of no leader");
    // Consul answers with what is left, which may be an empty list, and a status of success.
    if (headers["x-consul-results-filtered-by-acls"] === "true")
      throw malformed("the token may not see all of it: the answer is not complete");
    const received = single(headers["x-consul-index"]);
    const next = nextIndex(this.#index, received);
    if (next === null || received === undefined) throw malformed("the answer has no X-Consul-Index");
    const text = isAbsent ? "null" : answer.body;
    if (text === this.#told) {
      this.#index = next;
      return observer.onAlive();
    }
    const unusable = observer.onAnswer({ body: readJson(options, text), index: received, headers });
    if (unusable !== null) throw malformed(unusable);
    this.#told = text;
    this.#index = next;
  }
}

function single(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function malformed(why: string): RemoteError {
  return new RemoteError("malformed", why);
}
