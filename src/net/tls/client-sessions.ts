/**
 * The sessions of TLS that an endpoint has given, for its next connections (RFC 8446 section 4.6.1). A session stands for
 * all that was checked when it began; so there is one store for each thing that is checked: for an endpoint, the name it
 * has to prove, the authorities and our certificate. Whoever changes one of them begins with an empty store.
 */
import type { Clock } from "../../base/clock.ts";

/** When it was proved, by a whole handshake, who a server is. Whoever resumes a session inherits that. */
export interface Proof {
  readonly sinceMs: number;
  /** When the certificate expires, in milliseconds since 1970. */
  readonly expiresWallMs: number;
}

/** A session, and what stands behind it: a handshake that resumes one shows no certificate. */
export interface ProvenSession {
  readonly session: Buffer;
  readonly proof: Proof;
}

/** A session is a kilobyte or two; more connections than this are not opened at a time for long. */
const maxSessions = 16;
/** After this time a server has to show its certificate again: it may have been revoked. */
const maxAgeMs = 3_600_000;

/** The sessions of one endpoint in one thread. */
export class ClientSessions {
  readonly #clock: Clock;
  /** The newest is the last. */
  #kept: ProvenSession[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One for the next connection; null = there is none. */
  take(): ProvenSession | null {
    const newest = this.#kept.at(-1);
    if (newest === undefined) return null;
    const { sinceMs, expiresWallMs } = newest.proof;
    if (this.#clock.now() - sinceMs > maxAgeMs || this.#clock.wall() > expiresWallMs) {
      this.clear();
      return null;
    }
    // Some servers take a ticket of TLS 1.3 once; others, as all that stand on OpenSSL, give no new one for it. A proxy
    // has no privacy to lose by showing the last one again (RFC 8446 appendix C.4).
    if (this.#kept.length > 1) this.#kept.pop();
    return newest;
  }

  /** The server has not taken it up, and would not the next time. */
  drop(refused: ProvenSession): void {
    this.#kept = this.#kept.filter((kept) => kept !== refused);
  }

  /** The endpoint has given `session`. @param protocol as OpenSSL calls it: `TLSv1.3` */
  keep(session: Buffer, protocol: string, proof: Proof): void {
    const kept = { session, proof };
    if (this.#kept.length >= maxSessions) this.#kept.shift();
    // Before TLS 1.3 one is enough for any number of connections.
    if (protocol === "TLSv1.3") this.#kept.push(kept);
    else this.#kept = [kept];
  }

  /** A handshake has failed, or nobody is to be believed any more. */
  clear(): void {
    this.#kept = [];
  }
}
