/**
 * The signals that came before a command listened for them: `bin/millrace.cjs` catches them from its first line on, a
 * command that serves takes them over.
 */

/** Signals that are caught before somebody can act on them. */
export interface EarlySignals {
  /** Stops catching them. @returns those that came and still mean something */
  take(): readonly NodeJS.Signals[];
}

let caught: EarlySignals | null = null;

/** Names the handlers that have caught signals until now; once a process. */
export function setEarlySignals(signals: EarlySignals): void {
  caught = signals;
}

/** To be called when handlers of our own are in place: no signal meets neither. */
export function takeEarlySignals(): readonly NodeJS.Signals[] {
  return caught?.take() ?? [];
}
