/**
 * Says in the log that this process or machine cannot open connections to endpoints, and when it can again. No free
 * descriptor or memory concerns all endpoints; no free local port only the endpoint that was to be reached.
 */
import type { LogFields } from "../observe/logger.ts";
import type { Warning, WarningSink } from "../observe/repeated-warning.ts";

/** What runs short: something for each connection of the process, or local ports towards one endpoint. */
export type ShortageReason = "OVERLOADED" | "NO_LOCAL_ADDRESS";

const processSubject = "upstream connections";

/** Warns of connections that cannot be opened for a shortage of ours, and tells when one has been. One a data plane. */
export class ConnectionShortages {
  readonly #warnings: WarningSink;
  /** The process is short, here or as another thread has seen, and nothing has been opened here since. */
  #isProcessShort = false;
  /** Endpoints to which no local port was free, here or in another thread; each with its upstream. */
  readonly #endpoints = new Map<string, string>();

  constructor(warnings: WarningSink) {
    this.#warnings = warnings;
  }

  /** No connection to `endpoint` could be opened. @param fields what is known about the cause */
  note(shortage: {
    readonly upstream: string;
    readonly endpoint: string;
    readonly reason: ShortageReason;
    readonly fields: LogFields;
  }): void {
    const { upstream, endpoint, reason, fields } = shortage;
    const isOfProcess = reason === "OVERLOADED";
    if (isOfProcess) this.#isProcessShort = true;
    else this.#endpoints.set(endpoint, upstream);
    this.#warnings.warn({
      subject: isOfProcess ? processSubject : subjectOf(endpoint),
      reason: `${reason} ${JSON.stringify(fields)}`,
      message: "connections to endpoints cannot be opened",
      fields: { upstream, ...(!isOfProcess && { endpoint }), reason, ...fields },
    });
  }

  /** A connection to `endpoint` has been opened. Cheap while nothing is short. */
  noteConnected(endpoint: string): void {
    if (this.#isProcessShort) {
      this.#isProcessShort = false;
      this.#recover(processSubject, {});
    }
    if (this.#endpoints.size === 0) return;
    const upstream = this.#endpoints.get(endpoint);
    if (upstream === undefined) return;
    this.#endpoints.delete(endpoint);
    this.#recover(subjectOf(endpoint), { upstream, endpoint });
  }

  /** Another thread saw a shortage: that it is over is said by the first thread that opens a connection. */
  noteElsewhere({ subject, fields: { upstream, endpoint } }: Warning): void {
    if (subject === processSubject) this.#isProcessShort = true;
    else if (typeof upstream === "string" && typeof endpoint === "string" && subject === subjectOf(endpoint))
      this.#endpoints.set(endpoint, upstream);
  }

  /** Forgets endpoints that the running configuration no longer has. */
  keep(hasEndpoint: (upstream: string, endpoint: string) => boolean): void {
    for (const [endpoint, upstream] of this.#endpoints)
      if (!hasEndpoint(upstream, endpoint)) this.#endpoints.delete(endpoint);
  }

  #recover(subject: string, fields: LogFields): void {
    this.#warnings.recover(subject, "connections to endpoints can be opened again", fields);
  }
}

const subjectOf = (endpoint: string): string => `${processSubject} ${endpoint}`;
