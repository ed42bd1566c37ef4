/**
 * Where certificates of a listener come from: files, a certificate authority that is asked by ACME, an authority of our
 * own. A source lives in the control thread; what it gives is brought to all proxy threads.
 */
import type { ChallengeCertificate, CertificateMaterial } from "./tls-material.ts";

/** What shows a certificate authority that a name is ours: a text for a token, or a certificate for a name. */
export type ChallengeKind = "http-challenge" | "alpn-challenge";

/** What a thread may want while a client waits. */
export type WantedKind = "certificate" | ChallengeKind;

/** Gives the certificates of one listener. Of a reload, a source whose options are the same stays. */
export interface CertificateSource {
  /**
   * What there is at once, from files or a store; may be empty. Called once, before anything else, for a configuration
   * that may still be refused: nothing is begun here. @throws CertificateError if the configuration must be refused
   */
  load(): Promise<readonly CertificateMaterial[]>;
  /** The configuration holds: from now on it watches, renews, asks, and gives through `host`, until `close`. */
  start(host: CertificateHost): void;
  /**
   * A client asked for a name, normalised, that no certificate has. Resolves when that was given, or will not be:
   * handshakes wait, within their time. Absent = certificates are not made on demand.
   */
  want?(serverName: string): Promise<void>;
  /**
   * A certificate authority asks for a token or a name that no thread knows: another instance may have ordered.
   * Resolves when that is shown, or will not be. Absent = nobody else orders.
   */
  wantChallenge?(kind: ChallengeKind, name: string): Promise<void>;
  /** Ends it, before `start`, too: it neither gives nor asks any more. */
  close(): void;
}

/** What a source may do. */
export interface CertificateHost {
  /** The whole list of this source, in place of the last. Resolves when every thread has it. */
  give(certificates: readonly CertificateMaterial[]): Promise<void>;
  /** Answers this token with `keyAuthorization`; null = no longer. Resolves when every thread does. */
  setHttpChallenge(token: string, keyAuthorization: string | null): Promise<void>;
  /** Answers `acme-tls/1` for this name with `certificate`; null = no longer. Resolves when every thread does. */
  setAlpnChallenge(serverName: string, certificate: ChallengeCertificate | null): Promise<void>;
}
