/** Places that say which authorities are trusted: the system's, and those of browsers. */

/** The root that is to be trusted, or no longer. */
export interface TrustedRoot {
  /** A file with it (PEM). */
  readonly file: string;
  /** How stores call it: the common name of its subject, which no other root has. */
  readonly name: string;
  /** A part of file names that no other root has. */
  readonly id: string;
}

/** What became of it in one store. */
export interface TrustOutcome {
  /** `done`; `unchanged`: nothing had to be done; `failed`: somebody has to do something. */
  readonly kind: "done" | "unchanged" | "failed";
  /** One line: which store, and what was done or is to be done. */
  readonly text: string;
}

/** A place. */
export interface TrustStore {
  trust(root: TrustedRoot): TrustOutcome;
  /** Takes it out; harmless if it is not in it. */
  distrust(root: TrustedRoot): TrustOutcome;
}

/** How a command went. */
export interface CommandResult {
  readonly isFine: boolean;
  /** What it said, for people. */
  readonly output: string;
}

/** The machine, as far as stores need it; tests have one of their own. */
export interface TrustMachine {
  readonly platform: NodeJS.Platform;
  /** What stands before absolute paths; empty = nothing. */
  readonly root: string;
  readonly home: string;
  /** This process may change what belongs to the system. */
  readonly isPrivileged: boolean;
  hasCommand(name: string): boolean;
  run(command: string, args: readonly string[]): CommandResult;
}
