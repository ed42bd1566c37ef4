/**
 * Sees in a data plane which endpoints and upstreams fail exchanges, and says so in the log: one warning for each of
 * them and each reason every few seconds (`observe/repeated-warning.ts`), and a line when they serve again. Costs an
 * exchange that succeeds one comparison while nothing fails.
 */
import type { Recorded } from "../http/exchange-record.ts";
import type { ReasonCode } from "../http/reason.ts";
import type { Warning, WarningSink } from "../observe/repeated-warning.ts";
import { ConnectionShortages, type ShortageReason } from "./connection-shortages.ts";

/** Stands for the upstream as a whole among the names of its endpoints. */
const wholeUpstream = "";

/** With these, no endpoint has failed: the upstream had none to give, or did not give one. */
const upstreamReasons: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  "NO_ENDPOINT",
  "QUEUE_FULL",
  "QUEUE_TIMEOUT",
  "BREAKER_OPEN",
]);

/**
 * This process or machine could not open a connection: `detail` says why. (Load shedding, which is `OVERLOADED` too,
 * comes before an upstream is named.)
 */
const isShortage = (reason: ReasonCode): reason is ShortageReason =>
  reason === "OVERLOADED" || reason === "NO_LOCAL_ADDRESS";

/** Warns of endpoints and upstreams that fail exchanges, and tells when they serve again. One a data plane. */
export class FailureWarnings {
  readonly #warnings: WarningSink;
  readonly #shortages: ConnectionShortages;
  /** What has failed, here or in another thread, and not served here since, by upstream. */
  readonly #failing = new Map<string, Set<string>>();

  constructor(warnings: WarningSink) {
    this.#warnings = warnings;
    this.#shortages = new ConnectionShortages(warnings);
  }

  /**
   * An attempt failed for a reason that lies with its endpoint. @param detail as in `ProxyError`; what it ends with is
   * a field of its own if it is an error code of the system
   */
  noteAttempt(upstream: string, endpoint: string, reason: ReasonCode, detail: string): void {
    this.#fail(upstream, endpoint);
    this.#warnings.warn({
      subject: subjectOf(upstream, endpoint),
      reason: `${reason} ${detail}`,
      message: "endpoint fails",
      fields: { upstream, endpoint, reason, ...toFields(detail) },
    });
  }

  /** Another thread saw a failure: that its subject works is said by the first thread that sees so. */
  noteElsewhere(trouble: Warning): void {
    const { subject, fields } = trouble;
    const { upstream, endpoint = wholeUpstream } = fields;
    this.#shortages.noteElsewhere(trouble);
    if (typeof upstream === "string" && typeof endpoint === "string" && subject === subjectOf(upstream, endpoint))
      this.#fail(upstream, endpoint);
  }

  /** A connection to `endpoint` has been opened. */
  noteConnected(endpoint: string): void {
    this.#shortages.noteConnected(endpoint);
  }

  /** An exchange or a session ended. What failed its attempts has been noted. */
  noteEnd(ended: Recorded): void {
    const { reason, upstreamName: upstream, endpointName: endpoint, detail } = ended.record;
    if (upstream === "") return;
    if (reason === null) {
      if (this.#failing.size > 0) this.#noteSuccess(ended);
    } else if (upstreamReasons.has(reason)) {
      this.#fail(upstream, wholeUpstream);
      this.#warnings.warn({
        subject: subjectOf(upstream, wholeUpstream),
        reason,
        message: "upstream cannot serve requests",
        fields: { upstream, reason },
      });
    } else if (reason === "TOTAL_TIMEOUT") this.noteAttempt(upstream, endpoint, reason, detail);
    else if (isShortage(reason) && detail !== "")
      this.#shortages.note({ upstream, endpoint, reason, fields: toFields(detail) });
  }

  /** Forgets what the running configuration no longer has. */
  keep(hasEndpoint: (upstream: string, endpoint: string) => boolean, hasUpstream: (upstream: string) => boolean): void {
    this.#shortages.keep(hasEndpoint);
    for (const [upstream, names] of this.#failing) {
      for (const name of names)
        if (name === wholeUpstream ? !hasUpstream(upstream) : !hasEndpoint(upstream, name)) names.delete(name);
      if (names.size === 0) this.#failing.delete(upstream);
    }
  }

  #fail(upstream: string, endpoint: string): void {
    const names = this.#failing.get(upstream) ?? new Set<string>();
    names.add(endpoint);
    this.#failing.set(upstream, names);
  }

  #noteSuccess({ record: { upstreamName: upstream, endpointName: endpoint } }: Recorded): void {
    const names = this.#failing.get(upstream);
    if (names === undefined) return;
    if (names.delete(wholeUpstream))
      this.#warnings.recover(subjectOf(upstream, wholeUpstream), "upstream serves requests again", { upstream });
    if (names.delete(endpoint))
      this.#warnings.recover(subjectOf(upstream, endpoint), "endpoint answers again", { upstream, endpoint });
    if (names.size === 0) this.#failing.delete(upstream);
  }
}

const subjectOf = (upstream: string, endpoint: string): string =>
  endpoint === wholeUpstream ? `upstream ${upstream}` : `endpoint ${upstream}/${endpoint}`;

/** `ECONNREFUSED` becomes `errno`; of `api.internal: ENOTFOUND` the whole is kept as well; words alone are `detail`. */
function toFields(detail: string): { errno?: string; detail?: string } {
  if (detail === "") return {};
  const [errno] = /\bE[A-Z0-9_]{2,}$/.exec(detail) ?? [];
  return errno === undefined ? { detail } : errno === detail ? { errno } : { errno, detail };
}
