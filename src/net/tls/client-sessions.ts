/**
 * The sessions of TLS that an endpoint has given, for its next connections (RFC 8446 section 4.6.1). A session stands for
 * all that was checked when it began; so there is one store for each thing that is checked: for an endpoint, the name it
 * has to prove, the authorities and our certificate. Whoever changes one of them begins with an empty store.
 */
import type { Clock } from "../../base/clock.ts";

interface KeptSession {
  readonly session: Buffer;
  /** A ticket of TLS 1.3: used twice, it would tell a listener that it is the same client (RFC 8446 section 8). */
  readonly isSingleUse: boolean;
  readonly sinceMs: number;
}

/** A session is a kilobyte or two; more connections than this are not opened at a time for long. */
const maxSessions = 16;
/** After this time the certificate is looked at again: it may have been revoked. */
const maxAgeMs = 3_600_000;

/** The sessions of one endpoint in one thread. */
export class ClientSessions {
  readonly #clock: Clock;
  /** The newest is the last. */
  #kept: KeptSession[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One for the next connection; null = there is none. */
  take(): Buffer | null {
    const newest = this.#kept.at(-1);
    if (newest === undefined) return null;
    if (this.#clock.now() - newest.sinceMs > maxAgeMs) {
      this.clear();
      return null;
    }
    if (newest.isSingleUse) this.#kept.pop();
    return newest.session;
  }

  /** The endpoint has given `session`. @param protocol as OpenSSL calls it: `TLSv1.3` */
  keep(session: Buffer, protocol: string | null): void {
    const isSingleUse = protocol === "TLSv1.3";
    if (this.#kept.length >= maxSessions) this.#kept.shift();
    const kept = { session, isSingleUse, sinceMs: this.#clock.now() };
    // One that is used again and again is needed once.
    if (isSingleUse) this.#kept.push(kept);
    else this.#kept = [kept];
  }

  /** A handshake has failed, or nobody is to be believed any more. */
  clear(): void {
    this.#kept = [];
  }
}
