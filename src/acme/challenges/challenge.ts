/** What a CA wants to see as a proof that a name is ours, and who shows it. */
import { createHash } from "node:crypto";

/** The ways to prove it that are known here. */
export type ChallengeType = "http-01" | "tls-alpn-01" | "dns-01";

/** A proof to be shown. */
export interface Challenge {
  readonly type: ChallengeType;
  /** The name to be proven, without `*.`. */
  readonly name: string;
  readonly token: string;
  /** The token and the thumbprint of the account's key (RFC 8555, section 8.1). */
  readonly keyAuthorization: string;
}

/** Shows proofs of one type. */
export interface ChallengeSolver {
  readonly type: ChallengeType;
  /** Resolves when whoever asks will see the proof. @throws if it cannot be shown */
  present(challenge: Challenge): Promise<void>;
  /** Resolves when the CA may look for all of those presented. */
  ready(challenges: readonly Challenge[]): Promise<void>;
  /** Takes the proof away, and nothing else. Also called if `present` or `ready` has thrown. */
  remove(challenge: Challenge): Promise<void>;
}

/** SHA-256 of the key authorization: what a certificate of TLS-ALPN-01 and, in base64url, a TXT record hold. */
export function digestOf(challenge: Challenge): Buffer {
  return createHash("sha256").update(challenge.keyAuthorization).digest();
}
