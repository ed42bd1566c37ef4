/**
 * What is known of how a discovery fares: for status and metrics, and said in the log when it changes. The log lines
 * about the endpoints themselves are written when the proxy threads have them.
 */
import type { Scheduler } from "../../base/scheduler.ts";
import type { Logger } from "../../observe/logger.ts";
import type { WarningSink } from "../../observe/repeated-warning.ts";

/** Sentences about refused records that are kept, and the longest of them. */
const maxRefused = 20;
const maxSentenceChars = 300;
/** Sentences that one log line has. */
const maxLoggedRefused = 3;

/** How a discovery fares at one moment. */
export interface DiscoveryReport {
  /** Its kind, as the configuration calls it. */
  readonly kind: string;
  /** What is followed, without secrets. */
  readonly source: string;
  /**
   * `live`: the source answers. `held`: it answers, but what it no longer has is kept for now. `stale`: it does not
   * answer, what it said last is used. `restored`: it has not answered yet, the list in the file is used. `waiting`: it
   * has not answered yet, and there is no list.
   */
  readonly state: "live" | "held" | "stale" | "restored" | "waiting";
  /** The source answered when it was asked last. */
  readonly isUp: boolean;
  /** How many endpoints it gives now, without those in the configuration. */
  readonly endpoints: number;
  /** Of these, how many the source no longer has. */
  readonly heldBack: number;
  /** Revision, index, ETag; null if there is none. */
  readonly version: string | null;
  /** When the source said last what is used, in Unix time (milliseconds); null if it never did. */
  readonly lastSuccessWallMs: number | null;
  /** Why it could not be asked the last time; null if that has never happened. */
  readonly lastError: { readonly reason: string; readonly atWallMs: number } | null;
  /** How many records of the last answer were refused, and why the first of them. */
  readonly refusedCount: number;
  readonly refused: readonly string[];
  /** How often the source answered something new, the same, not at all, or what was held back. */
  readonly updates: Readonly<Record<"changed" | "unchanged" | "failed" | "held", number>>;
}

/** Who is told, and about what. */
export interface DiscoveryRecordParts {
  readonly upstream: string;
  readonly kind: string;
  readonly description: string;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly warnings: WarningSink;
}

/** Notes what happens to one discovery. */
export class DiscoveryRecord {
  readonly #parts: DiscoveryRecordParts;
  readonly #updates = { changed: 0, unchanged: 0, failed: 0, held: 0 };
  #isUp = false;
  #version: string | null = null;
  #lastSuccessWallMs: number | null = null;
  #lastError: DiscoveryReport["lastError"] = null;
  #refusedCount = 0;
  #refused: readonly string[] = [];

  constructor(parts: DiscoveryRecordParts) {
    this.#parts = parts;
  }

  report(now: {
    readonly endpoints: number;
    readonly heldBack: number;
    readonly isRestored: boolean;
    readonly hasList: boolean;
  }): DiscoveryReport {
    return {
      kind: this.#parts.kind,
      source: this.#parts.description,
      state: this.#stateOf(now),
      isUp: this.#isUp,
      endpoints: now.endpoints,
      heldBack: now.heldBack,
      version: this.#version,
      lastSuccessWallMs: this.#lastSuccessWallMs,
      lastError: this.#lastError,
      refusedCount: this.#refusedCount,
      refused: this.#refused,
      updates: { ...this.#updates },
    };
  }

  #stateOf(now: Parameters<DiscoveryRecord["report"]>[0]): DiscoveryReport["state"] {
    if (!now.hasList) return "waiting";
    if (now.isRestored) return "restored";
    if (!this.#isUp) return "stale";
    return now.heldBack > 0 ? "held" : "live";
  }

  noteAnswer(version: string | null, refused: readonly string[]): void {
    this.noteAlive();
    this.#version = version === null ? null : cut(version);
    const shown = refused.slice(0, maxRefused).map(cut);
    const isNews =
      refused.length !== this.#refusedCount || shown.some((sentence, at) => sentence !== this.#refused[at]);
    this.#refusedCount = refused.length;
    this.#refused = shown;
    if (isNews && refused.length > 0)
      this.#parts.logger.warn("records of endpoints are refused", {
        ...this.#who(),
        records: refused.length,
        why: shown.slice(0, maxLoggedRefused).join("; "),
      });
  }

  /** When the source said last what is used, in Unix time (milliseconds); null if it never did. */
  get lastSuccessWallMs(): number | null {
    return this.#lastSuccessWallMs;
  }

  /** The source answered when it was asked last. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** The source has answered. */
  noteAlive(): void {
    this.#lastSuccessWallMs = this.#parts.scheduler.clock.wall();
    if (this.#isUp) return;
    this.#isUp = true;
    this.#parts.warnings.recover(this.#subject, "endpoints are discovered again", this.#who());
  }

  noteFailure(reason: string, endpoints: number): void {
    this.#updates.failed++;
    this.#isUp = false;
    this.#lastError = { reason: cut(reason), atWallMs: this.#parts.scheduler.clock.wall() };
    this.#parts.warnings.warn({
      subject: this.#subject,
      reason: "failure",
      message: "endpoints cannot be discovered; the last list is used",
      fields: { ...this.#who(), reason: cut(reason), endpoints },
    });
  }

  noteRestored(savedWallMs: number, endpoints: number): void {
    this.#lastSuccessWallMs = savedWallMs;
    const ageSeconds = Math.max(0, Math.round((this.#parts.scheduler.clock.wall() - savedWallMs) / 1000));
    this.#parts.logger.info("the last good list of endpoints is used until the source answers", {
      ...this.#who(),
      endpoints,
      ageSeconds,
    });
  }

  noteFirst(endpoints: number): void {
    this.#parts.logger.info("endpoints are discovered", {
      ...this.#who(),
      endpoints,
      version: this.#version ?? undefined,
    });
  }

  noteLate(waitedMs: number, endpoints: number): void {
    this.#parts.logger.warn("the source of endpoints has not answered yet", {
      ...this.#who(),
      waitedSeconds: waitedMs / 1000,
      endpoints,
    });
  }

  noteChange(): void {
    this.#updates.changed++;
  }

  noteUnchanged(): void {
    this.#updates.unchanged++;
  }

  noteHold(left: number, keptBack: number, holdMs: number): void {
    this.noteHeld();
    this.#parts.logger.warn(
      "the source has too few endpoints to be believed at once; those that it no longer has are kept",
      {
        ...this.#who(),
        left,
        kept: keptBack,
        seconds: holdMs / 1000,
      },
    );
  }

  noteHeld(): void {
    this.#updates.held++;
  }

  noteBelieved(left: number): void {
    this.#updates.changed++;
    this.#parts.logger.warn("the source still has few endpoints, and is believed now", { ...this.#who(), left });
  }

  noteHoldEnded(why: string): void {
    this.#parts.logger.info("endpoints are no longer kept against their source", { ...this.#who(), why });
  }

  close(): void {
    this.#parts.warnings.recover(this.#subject, "endpoints are no longer discovered here", this.#who());
  }

  get #subject(): string {
    return `discovery ${this.#parts.upstream}`;
  }

  #who(): { readonly upstream: string; readonly source: string } {
    return { upstream: this.#parts.upstream, source: this.#parts.description };
  }
}

const cut = (text: string): string => (text.length > maxSentenceChars ? `${text.slice(0, maxSentenceChars)}…` : text);
