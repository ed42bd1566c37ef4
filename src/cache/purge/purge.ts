/** What purges are about: which stored answers must not be used any more as they are. */

/** How a purge names answers. */
export const purgeKinds = ["url", "prefix", "tag", "all"] as const;

export type PurgeKind = (typeof purgeKinds)[number];

/** One purge. */
export interface Purge {
  readonly kind: PurgeKind;
  /**
   * Of `url`: the whole URL as `purge-url.ts` writes it. Of `prefix`: what such a URL begins with, compared as text and
   * never as a pattern. Of `tag`: the tag as it stands in the answers, in latin1. Of `all`: nothing.
   */
  readonly value: string;
  /** The answers become stale, and may be validated or served by the rules of stale answers, instead of being gone. */
  readonly isSoft: boolean;
}

/** What a purge looks at; a `StoredAnswer` is one. */
export interface PurgeableAnswer {
  readonly url: string;
  readonly tags: readonly string[];
  /** The number of the last purge when its fetch began. */
  readonly purgeSequence: number;
}

/** What purges mean for an answer: nothing, it is stale from now on, or it must not be used. */
export type PurgeVerdict = "valid" | "soft" | "gone";

/** The longest value of a purge, in bytes. */
export const maxPurgeBytes = 8_192;
