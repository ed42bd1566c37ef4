/**
 * Proofs that other instances have ordered: the CA has come to this one, which finds them in the store that they share.
 * Anyone can ask for what is not there, so few look-ups are made at a time and in a second.
 */
import type { Scheduler } from "../../base/scheduler.ts";
import type { CertificateHost, ChallengeKind } from "../../net/tls/certificate-source.ts";
import type { AcmeStore } from "../storage/acme-store.ts";
import { findAlpnChallenge, findHttpChallenge } from "./shared-challenges.ts";

/** What is needed to find them. */
export interface ForeignChallengeParts {
  readonly store: AcmeStore;
  readonly host: CertificateHost;
  readonly scheduler: Scheduler;
}

const maxLookups = 8;
const maxLookupsPerSecond = 20;
/** So long is a proof shown here that was found; a CA looks within seconds. */
const shownMs = 600_000;

/** Shows what is found. */
export class ForeignChallenges {
  readonly #parts: ForeignChallengeParts;
  #lookups = 0;
  #secondMs = Number.NEGATIVE_INFINITY;
  #inSecond = 0;

  constructor(parts: ForeignChallengeParts) {
    this.#parts = parts;
  }

  /** Resolves when it is shown in all threads, or will not be. @throws if the store cannot be asked */
  async want(kind: ChallengeKind, name: string): Promise<void> {
    if (!this.#mayLook()) return;
    const { store, host, scheduler } = this.#parts;
    const wallMs = scheduler.clock.wall();
    this.#lookups++;
    try {
      if (kind === "http-challenge") {
        const text = await findHttpChallenge(store, name, wallMs);
        if (text === null) return;
        await host.setHttpChallenge(name, text);
        scheduler.after(shownMs, () => void host.setHttpChallenge(name, null));
      } else {
        const certificate = await findAlpnChallenge(store, name, wallMs);
        if (certificate === null) return;
        await host.setAlpnChallenge(name, certificate);
        scheduler.after(shownMs, () => void host.setAlpnChallenge(name, null));
      }
    } finally {
      this.#lookups--;
    }
  }

  #mayLook(): boolean {
    const nowMs = this.#parts.scheduler.clock.now();
    if (nowMs - this.#secondMs >= 1_000) {
      this.#secondMs = nowMs;
      this.#inSecond = 0;
    }
    return this.#lookups < maxLookups && ++this.#inSecond <= maxLookupsPerSecond;
  }
}
