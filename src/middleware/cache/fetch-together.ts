/**
 * A request that shares a fetch with others: it leads it, waits for it, or fetches for itself if there is nothing to
 * share. While it waits its exchange is held; a client that goes waits no more.
 */
import type { StoredBody } from "../../cache/cache-store.ts";
import type { FillListener, Lead, Shared } from "../../cache/fill/fill-ticket.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import { judgeUse } from "../../http/cache/use.ts";
import { varyNames } from "../../http/cache/vary.ts";
import { Fields } from "../../http/fields.ts";
import { Hold, passOn } from "../pass-on.ts";
import { Fill, stampOf } from "./fetch-fill.ts";
import { shareKeyOf, standIn } from "./fetch-stale.ts";
import type { Miss } from "./miss.ts";

/** So often does a request wait: its variant may turn out to be another one than that which was fetched. */
const maxRounds = 3;

/** One request. */
export class FetchTogether implements FillListener {
  readonly #miss: Miss;
  readonly #limitMs: number;
  readonly #purgeFloor: number;
  /** Where the answer is going to be stored, as far as is known. */
  #storeKey: string;
  #hold: Hold | null = null;
  #cancel: (() => void) | null = null;
  #rounds = 0;
  /** How many fetches it came too late for: those who did share the next one. */
  #missed = 0;
  /** `Fills.finishedCount` from before it looked for what is stored. */
  #finishedCount: number;

  /** @param limitMs how long it waits at most, each time */
  constructor(miss: Miss, limitMs: number) {
    this.#miss = miss;
    this.#limitMs = limitMs;
    this.#purgeFloor = miss.route.parts.purges.floor;
    this.#storeKey = miss.fillKey;
    this.#finishedCount = miss.finishedCount;
  }

  run(): void {
    if (++this.#rounds > maxRounds) return this.#fill(null, true);
    const { fills } = this.#miss.route.parts;
    const key = shareKeyOf(this.#miss, this.#storeKey);
    const ticket = fills.join(this.#missed === 0 ? key : `${key}\n${this.#missed}`, this, this.#limitMs);
    if (ticket.kind === "lead") this.#lead(ticket.lead);
    else if (ticket.kind === "alone") this.#fill(null, false);
    else if (ticket.kind === "shared") this.#share(ticket.shared, "comes late");
    else {
      this.#cancel = () => ticket.cancel();
      this.#wait();
    }
  }

  #wait(): void {
    this.#hold ??= new Hold(this.#miss.exchange, () => {
      this.#cancel?.();
      this.#miss.stale?.release();
    });
  }

  // `FillListener`.

  onShared(shared: Shared): void {
    this.#cancel = null;
    this.#share(shared, "has waited");
  }

  onAlone(): void {
    this.#cancel = null;
    this.#fill(null, true);
  }

  onLead(lead: Lead): void {
    this.#cancel = null;
    this.#fill(lead, true);
  }

  /**
   * Takes what a leader shares. What is stale from its beginning (max-age=0) is only for those who
   * have waited for it (RFC 9111 section 4).
   */
  #share({ draftId, stamp }: Shared, who: "has waited" | "comes late"): void {
    const draft = draftId === 0 ? null : this.#miss.route.store.findDraft(draftId);
    if (draft !== null) return this.#takeDraft(draft, who);
    this.#wait();
    if (who === "comes late") this.#missed++;
    this.#find(this.#storeKey, { stamp: who === "has waited" ? stamp : 0, isVariant: false });
  }

  #takeDraft(draft: StoredBody, who: "has waited" | "comes late"): void {
    const { route, primaryKey, exchange } = this.#miss;
    const { answer } = draft;
    // Who asks after a purge does not get what was fetched before, and two keys never share an answer.
    const isOurs = answer.url === route.urlOf(exchange) && route.parts.purges.judgeDraft(answer) === "valid";
    const names = varyNames(Fields.ofText(answer.fields));
    if (!isOurs || names === null || !this.#isForThis(answer)) {
      draft.release();
      return this.#fill(null, true);
    }
    if (who === "comes late" && !this.#isFresh(answer)) {
      draft.release();
      this.#missed++;
      return this.run();
    }
    const key = names.length === 0 ? primaryKey : route.variantKeyOf(exchange, primaryKey, names);
    if (key === this.#storeKey) return this.#answer(draft);
    draft.release();
    // The variant may have come already.
    this.#finishedCount = -1;
    this.#again(key);
  }

  /** Looks for what has been stored meanwhile. @param want `stamp` names what was waited for */
  #find(key: string, want: { readonly stamp: number; readonly isVariant: boolean }): void {
    this.#miss.route.store.find(key, (found) => {
      if (this.#hold?.isGone === true) found?.release();
      else if (found === null) this.#again(key);
      else if (found.answer.variants !== null && !want.isVariant) {
        found.release();
        this.#findVariant(found.answer, want.stamp);
      } else if (this.#isUsable(found.answer, want.stamp)) this.#answer(found);
      else {
        found.release();
        this.#again(key);
      }
    });
  }

  #findVariant({ variants }: StoredAnswer, stamp: number): void {
    const { route, exchange, primaryKey } = this.#miss;
    const keys = variants!.map(({ names }) => route.variantKeyOf(exchange, primaryKey, names));
    const own = keys.find((key, at) => variants![at]!.keys.includes(key));
    this.#finishedCount = -1;
    if (own !== undefined) this.#find(own, { stamp, isVariant: true });
    else this.#again(keys[0] ?? this.#storeKey);
  }

  /** What was found is used if it is what was waited for, stale or not, or if it is fresh. */
  #isUsable(answer: StoredAnswer, stamp: number): boolean {
    if (answer.variants !== null || !this.#isForThis(answer)) return false;
    if (this.#miss.route.parts.purges.judgeFound(answer, this.#purgeFloor) !== "valid") return false;
    return (stamp !== 0 && stampOf(answer) === stamp) || this.#isFresh(answer);
  }

  #isFresh(answer: StoredAnswer): boolean {
    const { route, directives } = this.#miss;
    return judgeUse(answer, directives, route.parts.clock.nowMs()) === "fresh";
  }

  /** As in the look-up (RFC 9111 section 3.5). */
  #isForThis({ isShared }: StoredAnswer): boolean {
    const { facts, route } = this.#miss;
    return isShared || !facts.hasAuthorization || route.options.allowAuthorization;
  }

  /** Leads, unless what it wants has come between the look-up and now. */
  #lead(lead: Lead): void {
    const { store, parts } = this.#miss.route;
    if (parts.fills.finishedCount === this.#finishedCount) return this.#fill(lead, true);
    this.#wait();
    store.find(this.#storeKey, (found) => {
      if (found !== null && this.#hold?.isGone !== true && this.#isUsable(found.answer, 0)) {
        lead.finish(stampOf(found.answer));
        return this.#answer(found);
      }
      found?.release();
      const answer = found?.answer ?? null;
      if (answer === null || answer.variants === null) return this.#fill(lead, true);
      lead.fail();
      this.#findVariant(answer, 0);
    });
  }

  // What comes of it.

  #again(storeKey: string): void {
    if (storeKey !== this.#storeKey) this.#missed = 0;
    this.#storeKey = storeKey;
    this.run();
  }

  #answer(body: StoredBody): void {
    const { exchange, forward, stale } = this.#miss;
    if (this.#hold?.release() === false) return body.release();
    stale?.release();
    passOn(exchange, () =>
      this.#miss.answer(body, {
        result: "collapsed",
        forward,
        forwardStatus: null,
        isStored: false,
        isCollapsed: true,
      }),
    );
  }

  #fill(lead: Lead | null, isKeptUp: boolean): void {
    if (this.#hold?.release() === false) return lead?.fail();
    this.#hold = null;
    // Whoever was waited for may have learnt that the origin fails.
    if (lead === null && standIn(this.#miss)) return;
    new Fill(this.#miss, { client: this.#miss, lead, isKeptUp }).run();
  }
}
