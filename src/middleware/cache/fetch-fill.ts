/**
 * One fetch: an exchange without a client runs the rest of the route, and what comes of it is stored, handed on, or both.
 *
 * An answer that may be stored is written into a draft of the store, and the client reads the draft like all others who
 * want it: it neither slows the fetch down nor ends it by going. Any other answer goes straight to the client, at the
 * client's pace and with all that belongs to it, as if there were no cache; if the client has gone, it is cancelled.
 *
 * A fetch that is led for others always tells them how it went (`Lead`), at the end of its exchange at the latest.
 */
import { type Lead, noListener } from "../../cache/fill/fill-ticket.ts";
import { type AnswerHead, withFields } from "../../http/answer.ts";
import { type BodySink, type BodySource, noBody, nowhere } from "../../http/body.ts";
import { isAboutOneRequest } from "../../http/cache/cacheable-status.ts";
import type { FetchTimes } from "../../http/cache/cache-policy.ts";
import { validatorLines } from "../../http/cache/conditions.ts";
import { refreshed } from "../../http/cache/refresh.ts";
import { judgeStorage, type Storage } from "../../http/cache/storage.ts";
import { type StoredAnswer, toStoredAnswer } from "../../http/cache/stored-answer.ts";
import { isErrorToStandInFor, isForThoseWhoWait } from "../../http/cache/use.ts";
import type { Exchange } from "../../http/exchange.ts";
import { listMembers } from "../../http/field-text.ts";
import { type AnswerTaker, type OpenExchange, openExchange } from "../../http/exchange-without-client.ts";
import { Fields } from "../../http/fields.ts";
import { Hold, passOn } from "../pass-on.ts";
import type { CachedRoute } from "./cached-route.ts";
import { type DraftLoss, type DraftOwner, DraftSink } from "./fetch-draft.ts";
import { copyFacts } from "./fetch-record.ts";
import { isPurged, mayStandIn, RefreshedBody, Rest, shareKeyOf } from "./fetch-stale.ts";
import type { HowServed } from "./how-served.ts";
import type { Miss } from "./miss.ts";
import { passBy } from "./pass-by.ts";

/** For so long others go for themselves when the store has no room. */
const noRoomMs = 1_000;
/** So much is given whole to a client that has asked for a part. */
const maxWholeBytes = 65_536;

/** For whom something is fetched. */
export interface FillFor {
  /** Null = for the store alone. */
  readonly client: Miss | null;
  /** Null = nobody waits for it. */
  readonly lead: Lead | null;
  /** It goes on if the client goes before it is known whether the answer can be stored. */
  readonly isKeptUp: boolean;
}

/** A whole number that tells an answer from others under the same key. */
export function stampOf({ bornMs }: StoredAnswer): number {
  return Math.floor(bornMs * 1_000);
}

/** One fetch. */
export class Fill implements AnswerTaker, DraftOwner {
  readonly #miss: Omit<Miss, "answer">;
  readonly #route: CachedRoute;
  readonly #client: Miss | null;
  readonly #isKeptUp: boolean;
  /** What holds the client's exchange until it is answered; null = there is none, or it is answered. */
  #hold: Hold | null = null;
  /** Whom to tell how it goes: who waits for the request, and, once Vary is known, who waits for the variant. */
  readonly #leads: Lead[];
  #requestMs = 0;
  /** Purges that come later make the answer invalid: it may be made of what was purged. */
  #purgeSequence = 0;
  /** What unsafe requests for the same URL leave behind. */
  #invalidations = 0;
  /** To be validated, and to fall back on; null = there is none, or it is given away. */
  #stale: Miss["stale"];
  /** The field lines that ask whether it still holds. */
  #validators = "";
  /** What has come may be given to those who wait for it. */
  #isForOthers = true;
  #opened: OpenExchange | null = null;
  #sink: DraftSink | null = null;

  constructor(miss: Omit<Miss, "answer">, { client, lead, isKeptUp }: FillFor) {
    this.#miss = miss;
    this.#route = miss.route;
    this.#client = client;
    this.#leads = lead === null ? [] : [lead];
    this.#isKeptUp = isKeptUp;
    this.#stale = miss.stale;
  }

  /** Begins. Nobody holds the client's exchange at that moment. */
  run(): void {
    if (this.#stale !== null && isPurged(this.#miss, this.#stale.answer)) this.#releaseStale();
    if (this.#stale !== null) this.#validators = validatorLines(this.#stale.answer);
    if (this.#client !== null) this.#hold = new Hold(this.#client.exchange, this.#onClientGone);
    this.#send();
  }

  #send(): void {
    const { exchange: client, outgoing, next, route } = this.#miss;
    const { listenerName, scheme, peerAddress, peerPort, forwardingPrefix, request } = client;
    const { wheel, onInternalError } = route.context;
    const opened = openExchange({
      request,
      body: noBody,
      origin: { listenerName, scheme, peerAddress, peerPort },
      forwardingPrefix: forwardingPrefix!,
      clock: wheel.clock,
      taker: this,
      onInternalError,
    });
    const { exchange } = opened;
    this.#opened = opened;
    this.#requestMs = route.parts.clock.nowMs();
    this.#purgeSequence = route.parts.purges.sequence;
    this.#invalidations = route.parts.invalidations.of(this.#miss.primaryKey);
    exchange.clientIp = client.clientIp;
    exchange.isPeerTrusted = client.isPeerTrusted;
    exchange.requestId = client.requestId;
    exchange.record.routeName = client.record.routeName;
    exchange.outgoing =
      this.#validators === "" ? outgoing : outgoing.withFields(outgoing.fields.plusText(this.#validators));
    passOn(exchange, next);
  }

  readonly #onClientGone = (): void => {
    if (!this.#isKeptUp) this.#opened?.cancel("CLIENT_GONE");
  };

  // `AnswerTaker`.

  interim(head: AnswerHead): void {
    if (this.#hold !== null && !this.#hold.isGone) this.#client?.exchange.interim(head);
  }

  start(head: AnswerHead, source: BodySource): BodySink {
    // After a bug of ours there is a second answer, in the place of the first.
    this.#sink?.abort();
    this.#sink = null;
    const times = this.#times();
    if (head.status === 304 && this.#validators !== "") return this.#validated(head, times);
    this.#noteHealth(head.status);
    if (this.#stale !== null && isErrorToStandInFor(head.status) && mayStandIn(this.#miss)) {
      this.#giveStale(head.status);
      return new Rest(source);
    }
    const storage = judgeStorage(this.#miss.exchange.request, head, times, this.#route.policy);
    const sink = storage.isStored ? this.#store(head, source, storage) : null;
    if (sink !== null) return sink;
    this.#refuse(head, storage);
    return head.status === 304 ? this.#passNothing(source) : this.#pass(head, source);
  }

  onEnd(exchange: Exchange): void {
    // Another one goes on in its place.
    if (exchange !== this.#opened?.exchange) return;
    if (this.#hold !== null) {
      const { reason, detail } = exchange.record;
      this.#noteHealth(0);
      if (this.#stale !== null && mayStandIn(this.#miss)) this.#giveStale(null);
      else this.#takeClient()?.exchange.fail(reason ?? "INTERNAL_ERROR", detail);
    }
    this.#releaseStale();
    for (const lead of this.#leads) lead.fail();
  }

  #times(): FetchTimes {
    const { parts, context } = this.#route;
    const { clock } = context.wheel;
    return { requestMs: this.#requestMs, responseMs: parts.clock.nowMs(), wallMs: clock.wall() };
  }

  // What may come: the stale answer holds.

  #validated(head: AnswerHead, times: FetchTimes): BodySink {
    const { store, policy } = this.#route;
    const stale = this.#stale!;
    const next = isPurged(this.#miss, stale.answer) ? null : refreshed(stale.answer, head, times, policy);
    if (next === null) {
      // It is about another answer than the one that is stored, or nobody wants that any more: the whole is asked for.
      this.#releaseStale();
      this.#validators = "";
      this.#send();
      return nowhere;
    }
    const tags = this.#route.tagsOf(Fields.ofText(next.fields));
    const answer = { ...next, tags, purgeSequence: this.#purgeSequence };
    this.#noteHealth(head.status);
    store.refresh(this.#miss.staleKey, stale, answer);
    const client = this.#takeClient();
    if (client === null) this.#releaseStale();
    else {
      this.#stale = null;
      const how = this.#how("revalidated", { forwardStatus: head.status, isStored: true });
      client.answer(new RefreshedBody(stale, answer), how);
    }
    this.#keepFromOthers(answer);
    for (const lead of this.#leads) lead.finish(stampOf(answer));
    return nowhere;
  }

  // An error that the stale answer takes the place of.

  #giveStale(forwardStatus: number | null): void {
    const client = this.#takeClient();
    const stale = this.#stale!;
    this.#stale = null;
    if (client === null) stale.release();
    else client.answer(stale, this.#how("stale", { forwardStatus, isStored: false }));
    for (const lead of this.#leads) lead.refuse(0);
  }

  // An answer to be stored.

  /** @returns null if the store does not take it */
  #store(head: AnswerHead, source: BodySource, { answer: parts, varyNames }: Storage & { isStored: true }) {
    const route = this.#route;
    const { exchange, primaryKey } = this.#miss;
    const answer = toStoredAnswer(parts, {
      url: route.urlOf(exchange),
      tags: route.tagsOf(head.fields),
      purgeSequence: this.#purgeSequence,
    });
    if ((answer.bodyBytes ?? 0) > route.maxObjectBytes) return null;
    const key = varyNames.length === 0 ? primaryKey : route.variantKeyOf(exchange, primaryKey, varyNames);
    const draft = route.store.create(key, answer);
    if (draft === null) return null;
    this.#sink = new DraftSink(
      { draft, answer, route, key, primaryKey, varyNames, invalidations: this.#invalidations },
      source,
      this,
    );
    this.#keepFromOthers(answer);
    this.#leadVariant(key);
    for (const lead of this.#leads) lead.publish({ draftId: draft.id, stamp: stampOf(answer) });
    this.#takeClient()?.answer(draft.read(), this.#how("miss", { forwardStatus: null, isStored: true }));
    this.#releaseStale();
    return this.#sink;
  }

  /** What others may use only after asking is stored to be asked about; those who wait go for themselves. */
  #keepFromOthers(answer: StoredAnswer): void {
    this.#isForOthers = isForThoseWhoWait(answer, this.#route.parts.clock.nowMs());
    if (this.#isForOthers) return;
    this.#refuseFor(this.#route.options.hitForMiss);
    this.#leads.length = 0;
  }

  /** Who waits for the variant that the answer turned out to be gets it, too. */
  #leadVariant(key: string): void {
    if (key === this.#miss.fillKey || this.#leads.length === 0) return;
    const ticket = this.#route.parts.fills.join(shareKeyOf(this.#miss, key), noListener, 0);
    if (ticket.kind === "lead") this.#leads.push(ticket.lead);
    else if (ticket.kind === "wait") ticket.cancel();
  }

  // `DraftOwner`.

  onStored(answer: StoredAnswer): void {
    const { fills } = this.#route.parts;
    for (const lead of this.#leads) lead.finish(stampOf(answer));
    if (this.#leads.length === 0 && this.#isForOthers) fills.noteStorable(shareKeyOf(this.#miss, this.#miss.fillKey));
  }

  onLost(why: DraftLoss): void {
    if (why === "broken") for (const lead of this.#leads) lead.fail();
    else this.#refuseFor(why === "no-room" ? noRoomMs : this.#route.options.hitForMiss);
  }

  // An answer that is not stored.

  #refuse(head: AnswerHead, storage: Storage): void {
    const route = this.#route;
    const isError = head.status >= 500;
    const isNoRoom = storage.isStored && (head.declaredLength ?? 0) <= route.maxObjectBytes;
    const rememberMs = head.from === "proxy" || isError ? 0 : isNoRoom ? noRoomMs : route.options.hitForMiss;
    if (isError) for (const lead of this.#leads) lead.fail();
    else this.#refuseFor(rememberMs);
    if (this.#stale !== null && isSuccessor(head, storage)) route.store.remove(this.#miss.staleKey);
    this.#releaseStale();
  }

  /** All who wait go for themselves, and so do those who come in the next `rememberMs`. */
  #refuseFor(rememberMs: number): void {
    for (const lead of this.#leads) lead.refuse(rememberMs);
    if (this.#leads.length > 0) return;
    this.#route.parts.fills.noteRefused(shareKeyOf(this.#miss, this.#miss.fillKey), rememberMs);
  }

  #pass(head: AnswerHead, source: BodySource): BodySink {
    const client = this.#takeClient();
    if (client === null) return this.#stop(source);
    if (client.facts.range !== null && isWorthAPart(head)) {
      this.#stop(source);
      passOn(client.exchange, () => passBy(client, client.forward, "miss"));
      return nowhere;
    }
    const how = this.#how("miss", { forwardStatus: null, isStored: false });
    this.#route.note(client.exchange, how.result);
    const line = this.#route.statusLine(how, null);
    return client.exchange.start(withFields(head, head.fields.plusText(line)), source);
  }

  /** It is 304, and nobody has asked for that: a client that has nothing could not make anything of it. */
  #passNothing(source: BodySource): BodySink {
    this.#takeClient()?.exchange.fail("UPSTREAM_BAD_RESPONSE", "304 to a request without conditions");
    return this.#stop(source);
  }

  #stop(source: BodySource): BodySink {
    source.stop("CLIENT_GONE");
    return nowhere;
  }

  // Shared by these.

  /** The client, to be answered now; null = there is none, or it is gone or answered. */
  #takeClient(): Miss | null {
    const hold = this.#hold;
    this.#hold = null;
    if (hold === null || !hold.release()) return null;
    copyFacts(this.#opened!.exchange.record, this.#client!.exchange.record);
    return this.#client;
  }

  /** While its origin fails, a stale answer is used without asking each time. @param status 0 = there was no answer */
  #noteHealth(status: number): void {
    if (this.#miss.staleKey === "") return;
    const { pauses } = this.#route.parts.fills;
    const key = shareKeyOf(this.#miss, this.#miss.staleKey);
    if (status === 0 || isErrorToStandInFor(status)) pauses.noteFailure(key);
    else pauses.noteSuccess(key);
  }

  #releaseStale(): void {
    this.#stale?.release();
    this.#stale = null;
  }

  #how(result: HowServed["result"], rest: Pick<HowServed, "forwardStatus" | "isStored">): HowServed {
    return { result, forward: this.#miss.forward, isCollapsed: false, ...rest };
  }
}

/** Does the origin say, to everybody, that what is stored has been replaced by something that is not stored? */
function isSuccessor(head: AnswerHead, storage: Storage): boolean {
  if (head.from === "proxy" || head.status >= 500 || isAboutOneRequest(head.status)) return false;
  return storage.isStored || (storage.why !== "authorization" && storage.why !== "request-no-store");
}

/**
 * Is it so long that a client which wants a part of it, and of which nothing is stored, had better have the origin asked
 * for that part?
 */
function isWorthAPart({ status, fields, declaredLength }: AnswerHead): boolean {
  if (status !== 200 || (declaredLength !== null && declaredLength <= maxWholeBytes)) return false;
  return listMembers(fields.value("accept-ranges") ?? "").includes("bytes");
}
