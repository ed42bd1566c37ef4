/** What `Fills` and those who want to share a fill say to each other. */

/** Who wants to share a fill. Of these one is called, once, unless the ticket was cancelled; never within
 * `join`, but perhaps within a call of the leader's. */
export interface FillListener {
  /** There is something to share. */
  onShared(shared: Shared): void;
  /** There is nothing to share, or it takes too long: fetch for yourself. It may be stored all the same. */
  onAlone(): void;
  /** The leader has failed: you lead now. */
  onLead(lead: Lead): void;
}

/** Somebody who leads if nobody does, and else wants nothing: it cancels its ticket at once. */
export const noListener: FillListener = {
  onShared: () => {},
  onAlone: () => {},
  onLead: (lead) => lead.fail(),
};

/** What a leader shares: a draft, or, if that is not there any more, what the store has by now. */
export interface Shared {
  /** For `CacheStore.findDraft`; 0 = there was none: a stored answer was validated. */
  readonly draftId: number;
  /** A whole number that names the answer, so that whoever finds it in the store knows it; 0 = not known any more. */
  readonly stamp: number;
}

/** The duty to fetch. It ends with `refuse`, `fail` or `finish`; what comes later does nothing. */
export interface Lead {
  /** Others can read a draft from now on. */
  publish(shared: Shared): void;
  /** The answer is not for others: all who wait go for themselves, and so does who comes within `rememberMs`. */
  refuse(rememberMs: number): void;
  /** Nothing came of it, or the draft broke off: one of those who still wait leads next. */
  fail(): void;
  /** The store has the answer that `stamp` names. */
  finish(stamp: number): void;
}

/** What somebody who wants to share a fill is to do. */
export type FillTicket =
  | { readonly kind: "lead"; readonly lead: Lead }
  | { readonly kind: "wait"; cancel(): void }
  | { readonly kind: "shared"; readonly shared: Shared }
  /** Fetch for yourself: it was not storable lately, or too many wait. */
  | { readonly kind: "alone" };
