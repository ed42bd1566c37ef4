/**
 * Warnings about what goes wrong again and again (an endpoint that refuses connections, a listener without
 * descriptors): one line at once, then one line an interval with how often it happened since, and one line when it is
 * over. Each proxy thread gathers its own and posts sums; the control thread gathers those of all threads and writes
 * them to the log. What is kept is bounded: what goes wrong in more ways than that shares one line.
 */
import { type ScheduledCall, type Scheduler, systemScheduler } from "../base/scheduler.ts";
import type { LogFields, Logger } from "./logger.ts";

/** Something that went wrong. Plain data: it may be posted to another thread. */
export interface Warning {
  /**
   * What is in trouble, among all subjects of the process: `endpoint api/http://10.0.0.1:80`, `listener :8080`. It
   * recovers as a whole.
   */
  readonly subject: string;
  /**
   * What is wrong with it: a reason code, an error code of the system. Subject and reason together have a line of their
   * own.
   */
  readonly reason: string;
  /** The sentence of the line. */
  readonly message: string;
  /** Facts for the line; of several warnings, those of the latest are written. */
  readonly fields: LogFields;
}

/** A report about a subject: it failed `count` times since the last report, or works again after `count` failures. */
export interface WarningReport extends Warning {
  readonly kind: "failure" | "recovery";
  readonly count: number;
}

/** Takes warnings: what the parts of a data plane see of this file. */
export interface WarningSink {
  /** It went wrong, `count` times (default 1). Cheap if the line is not due: one look-up. */
  warn(warning: Warning, count?: number): void;
  /**
   * The subject works again: reported once, after an interval without a failure, and only if it had failed. Call it if
   * the subject is known to have failed, here or in another thread.
   */
  recover(subject: string, message: string, fields: LogFields): void;
}

/** Ignores warnings; for tests. */
export const silentWarnings: WarningSink = { warn: () => {}, recover: () => {} };

/** How long a proxy thread sums up before it posts. */
export const threadWarningIntervalMs = 1_000;
/** How often one thing is said. */
const defaultIntervalMs = 5_000;
/** Ways of going wrong that are kept; further ones share one. */
const defaultMaxEntries = 500;
/** A subject of which nothing is heard for so many intervals is forgotten. */
const forgetAfterIntervals = 120;

/** What `RepeatedWarnings` is made of. */
export interface RepeatedWarningParts {
  /** Takes what is due. */
  readonly onReport: (report: WarningReport) => void;
  /** Milliseconds between two reports of one thing; default 5,000. */
  readonly intervalMs?: number;
  /** Default 500. */
  readonly maxEntries?: number;
  readonly scheduler?: Scheduler;
  /**
   * Other threads gather warnings of the same subjects: a recovery is reported also if the subject never failed here.
   * Default false.
   */
  readonly isOneOfMany?: boolean;
}

interface Entry {
  warning: Warning;
  /** Since the last report. */
  count: number;
  /** Since it began. */
  total: number;
  quietIntervals: number;
}

interface Recovery {
  readonly message: string;
  readonly fields: LogFields;
}

/** Gathers warnings. One a thread. */
export class RepeatedWarnings implements WarningSink {
  readonly #onReport: (report: WarningReport) => void;
  readonly #intervalMs: number;
  readonly #maxEntries: number;
  readonly #scheduler: Scheduler;
  readonly #isOneOfMany: boolean;
  /** By subject, then by reason. */
  readonly #subjects = new Map<string, Map<string, Entry>>();
  readonly #recoveries = new Map<string, Recovery>();
  #entryCount = 0;
  #tick: ScheduledCall | null = null;

  constructor(parts: RepeatedWarningParts) {
    this.#onReport = parts.onReport;
    this.#intervalMs = parts.intervalMs ?? defaultIntervalMs;
    this.#maxEntries = parts.maxEntries ?? defaultMaxEntries;
    this.#scheduler = parts.scheduler ?? systemScheduler;
    this.#isOneOfMany = parts.isOneOfMany ?? false;
  }

  /** What is wrong and has not recovered: of each subject the first that was. */
  *current(): Iterable<Warning> {
    for (const reasons of this.#subjects.values())
      for (const { warning } of [...reasons.values()].slice(0, 1)) yield warning;
  }

  warn(warning: Warning, count = 1): void {
    this.#recoveries.delete(warning.subject);
    const known = this.#subjects.get(warning.subject)?.get(warning.reason);
    if (known !== undefined) {
      known.warning = warning;
      known.count += count;
      known.total += count;
    } else if (this.#entryCount < this.#maxEntries || warning.subject === others.subject) this.#add(warning, count);
    else this.warn(others, count);
  }

  recover(subject: string, message: string, fields: LogFields): void {
    if (this.#subjects.has(subject)) this.#recoveries.set(subject, { message, fields });
    else if (this.#isOneOfMany) this.#onReport({ kind: "recovery", subject, reason: "", message, fields, count: 0 });
  }

  /** Takes what another thread reports. */
  take(report: WarningReport): void {
    if (report.kind === "failure") this.warn(report, report.count);
    else this.recover(report.subject, report.message, report.fields);
  }

  /** Reports what is due, and ends. */
  close(): void {
    this.#tick?.cancel();
    this.#tick = null;
    for (const reasons of this.#subjects.values()) for (const entry of reasons.values()) this.#report(entry);
    this.#subjects.clear();
    this.#recoveries.clear();
    this.#entryCount = 0;
  }

  #add(warning: Warning, count: number): void {
    const reasons = this.#subjects.get(warning.subject) ?? new Map<string, Entry>();
    const entry: Entry = { warning, count, total: count, quietIntervals: 0 };
    reasons.set(warning.reason, entry);
    this.#subjects.set(warning.subject, reasons);
    this.#entryCount++;
    this.#report(entry);
    this.#tick ??= this.#scheduler.after(this.#intervalMs, this.#onTick);
  }

  #report(entry: Entry): void {
    const { count } = entry;
    if (count === 0) return;
    entry.count = 0;
    const { subject, reason, message, fields } = entry.warning;
    this.#onReport({ kind: "failure", subject, reason, message, fields, count });
  }

  readonly #onTick = (): void => {
    this.#tick = null;
    for (const [subject, reasons] of this.#subjects) this.#look(subject, reasons);
    if (this.#entryCount > 0) this.#tick = this.#scheduler.after(this.#intervalMs, this.#onTick);
  };

  #look(subject: string, reasons: Map<string, Entry>): void {
    let isQuiet = true;
    let total = 0;
    for (const [reason, entry] of reasons) {
      total += entry.total;
      if (entry.count > 0) {
        isQuiet = false;
        entry.quietIntervals = 0;
        this.#report(entry);
      } else if (++entry.quietIntervals > forgetAfterIntervals) {
        reasons.delete(reason);
        this.#entryCount--;
      }
    }
    const recovery = this.#recoveries.get(subject);
    if (recovery !== undefined && isQuiet) {
      this.#entryCount -= reasons.size;
      reasons.clear();
      this.#onReport({
        kind: "recovery",
        subject,
        reason: "",
        message: recovery.message,
        fields: recovery.fields,
        count: total,
      });
    }
    if (reasons.size > 0) return;
    this.#subjects.delete(subject);
    this.#recoveries.delete(subject);
  }
}

/** Stands for all warnings that there is no room for. */
const others: Warning = {
  subject: "others",
  reason: "others",
  message: "more goes wrong than is told one by one",
  fields: {},
};

/**
 * Writes reports as lines of the application log: a warning with `count`, or an info line that it is over with
 * `failures`.
 */
export function logWarnings(logger: Logger): (report: WarningReport) => void {
  return ({ kind, message, fields, count }) => {
    if (kind === "failure") logger.warn(message, { ...fields, count });
    else logger.info(message, { ...fields, failures: count });
  };
}
