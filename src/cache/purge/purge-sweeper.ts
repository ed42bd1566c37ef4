/**
 * What a store does for purges, in the control thread. A purge holds as soon as it is in the log; sweeping finds out how
 * many answers it concerned, frees their memory, and lets the log forget it.
 */
import type { SweptAnswer } from "./pending-purges.ts";
import type { Purge, PurgeVerdict } from "./purge.ts";

/** One round through all stores, for all purges up to a number. */
export interface SweepRound {
  /** The number of the last purge that this round is for. */
  readonly upTo: number;
  /**
   * Says what becomes of a stored answer, and counts it: `gone` is removed, `soft` becomes stale where it is stored
   * (`freshUntilMs` not later than now). Once for each answer in a round.
   */
  judge(answer: SweptAnswer): PurgeVerdict;
}

/** The part of a store that purges need. */
export interface PurgeSweeper {
  /** Names the store in answers and logs. */
  readonly name: string;
  /** It does not find out what a purge concerns. Absent: it does. */
  readonly isUncounted?: true;
  /**
   * Makes a purge last, before it is answered: a disk writes it down, Redis tells the other instances. It holds in this
   * process already.
   * @throws Error with a sentence that says why it may come undone
   */
  record?(purge: Purge): Promise<void>;
  /**
   * Shows every answer that was stored when the call came to `round.judge`, in slices that hold nobody up, without
   * taking looks for uses. An answer that is committed meanwhile is judged by its own thread, after it can be seen here
   * or before this round began: it must not slip through between the two.
   */
  sweep(round: SweepRound): Promise<void>;
}
