/** What a stale answer is good for when its origin is asked, or is not to be asked. */
import type { BodySink, BodySource } from "../../http/body.ts";
import type { StoredBody } from "../../cache/cache-store.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import { mayStandInForError } from "../../http/cache/use.ts";
import type { Miss } from "./miss.ts";

/**
 * Under which name requests share a fetch. @param storeKey where what is fetched is going to be stored, as far as can be
 * known before
 */
export function shareKeyOf(miss: Pick<Miss, "route" | "facts" | "invalidations">, storeKey: string): string {
  const { route, facts, invalidations } = miss;
  // Answers to requests that say who asks are for others only if they say so: nobody else waits for that. And a cache
  // behind another one of the same route does not wait for it.
  const isOwn = facts.hasAuthorization && !route.options.allowAuthorization;
  // Who asks after an unsafe request does not get what was asked for before it (RFC 9111 section 4.4).
  return `${route.context.ordinal}${isOwn ? "a" : ""}\n${invalidations}\n${storeKey}`;
}

/**
 * While its origin fails, a stale answer that may take its place does so without asking each time. @returns false if
 * the origin is to be asked
 */
export function standIn(miss: Miss): boolean {
  const { stale, route, staleKey } = miss;
  if (stale === null || route.parts.fills.pauses.mayAsk(shareKeyOf(miss, staleKey))) return false;
  if (!mayStandIn(miss)) return false;
  miss.answer(stale, { result: "stale", forward: null, forwardStatus: null, isStored: false, isCollapsed: false });
  return true;
}

/** May the stale answer take the place of an error? */
export function mayStandIn(miss: Pick<Miss, "stale" | "route" | "directives" | "purgeFloor">): boolean {
  const { stale, route, directives } = miss;
  if (stale === null || isPurged(miss, stale.answer)) return false;
  return mayStandInForError(stale.answer, directives, route.parts.clock.nowMs());
}

/** Has `answer`, which the look-up has found, been purged since? Then it is neither used nor validated. */
export function isPurged({ route, purgeFloor }: Pick<Miss, "route" | "purgeFloor">, answer: StoredAnswer): boolean {
  return route.parts.purges.judgeFound(answer, purgeFloor) === "gone";
}

/** A stored body under a head that says something new of it. */
export class RefreshedBody implements StoredBody {
  readonly answer: StoredAnswer;
  readonly isGrowing = false;
  readonly #body: StoredBody;

  constructor(body: StoredBody, answer: StoredAnswer) {
    this.#body = body;
    this.answer = answer;
  }

  open(start: number, end: number, sink: BodySink): BodySource {
    return this.#body.open(start, end, sink);
  }

  release(): void {
    this.#body.release();
  }
}

/** So much of an answer that nobody wants is read, so that its connection can go on. */
const maxSkippedBytes = 65_536;

/** Takes the rest of an answer that has been replaced, if it is short. */
export class Rest implements BodySink {
  readonly #source: BodySource;
  #bytes = 0;

  constructor(source: BodySource) {
    this.#source = source;
  }

  data(chunk: Buffer): void {
    this.#bytes += chunk.length;
  }

  flush(): boolean {
    if (this.#bytes <= maxSkippedBytes) return true;
    this.#source.stop("CLIENT_GONE");
    return false;
  }

  end(): boolean {
    return true;
  }

  abort(): void {}
}
