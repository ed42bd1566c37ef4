/** What becomes of a wire that was accepted: steps, one after the other, then a protocol. */
import type { Wire } from "./wire.ts";

/** What a protocol makes of a wire. It ends by destroying it. */
export interface Session {
  /** Lets what is under way finish, then closes. @param idleGraceMs 0 = at once if nothing is under way */
  drain(idleGraceMs: number): void;
  /** Closes now. */
  close(): void;
}

/** Serves a wire. `Host` is what the protocol asks of whoever it works for. */
export type Protocol<Host> = (wire: Wire, host: Host) => Session;

/**
 * Stands before a protocol: reads what is its own from the wire, and calls `next` once, now or later, with that wire or
 * with one that stands on it. Or it destroys the wire. What it has read too much it puts back. How long all steps may
 * take is their caller's business.
 *
 * What it returns, if anything, is called once when its part is over.
 */
export type WireStep = (wire: Wire, next: (wire: Wire) => void) => ((end: StepEnd) => void) | void;

/** How the part of a step has ended: it has handed the wire on; the wire is closed; it took too long, and is closed next. */
export type StepEnd = "passed" | "closed" | "timeout";
