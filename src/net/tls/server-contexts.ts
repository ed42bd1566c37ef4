/**
 * Which certificate and which rules a client gets, by its ClientHello: decided once, before TLS begins, so that neither
 * a session nor a callback of OpenSSL can mix the rules of two hosts.
 *
 * Every context refuses renegotiation. Tickets are encrypted with keys that follow from the secret, the rules about
 * client certificates and the time, so that all threads take each other's, and none is taken where other rules hold.
 */
import type { SecureContext } from "node:tls";
import { CertificateIndex } from "./certificate-index.ts";
import type { ClientHello } from "./client-hello.ts";
import { ContextCache } from "./context-cache.ts";
import type { KeyPreferences } from "./key-preference.ts";
import { PolicyIndex } from "./policy-index.ts";
import type { ClientAuthMaterial, ListenerTlsMaterial, StapleMaterial, TlsMaterial } from "./tls-material.ts";

/** What of a ClientHello the choice depends on. */
export type HelloFacts = Pick<ClientHello, "serverName" | "alpn"> & KeyPreferences;

/** What a connection is to be secured with. */
export interface ContextChoice {
  readonly secureContext: SecureContext;
  /** Only `acme-tls/1` is to be spoken, and nothing after the handshake (RFC 8737): the listener's ALPN does not hold. */
  readonly isChallenge: boolean;
  readonly verify: "none" | ClientAuthMaterial["mode"];
  /** How much endpoints are told of the client's certificate. */
  readonly forward: ClientAuthMaterial["forward"];
  /** An answer to staple (DER); null = none. */
  readonly ocsp: Buffer | null;
  /** The same text means the same rules about client certificates: compare it with `policyOf` of a request's host. */
  readonly policyId: string;
  /** When it was chosen, in milliseconds since 1970. */
  readonly atMs: number;
}

/** The handshake is refused with this alert (RFC 8446 section 6.2). */
export interface TlsRefusal {
  readonly alert: number;
  readonly reason: "unrecognized_name" | "no_certificate";
}

/** The protocol of the challenge by TLS (RFC 8737). */
export const acmeTlsProtocol = "acme-tls/1";

/** `no_application_protocol`: nothing of this name is to be proved. */
const unknownChallenge: TlsRefusal = { alert: 120, reason: "unrecognized_name" };
const unrecognizedName: TlsRefusal = { alert: 112, reason: "unrecognized_name" };
/** There is nothing to serve with, as long as the first certificate is being fetched: `internal_error`. */
const noCertificate: TlsRefusal = { alert: 80, reason: "no_certificate" };

/** Asks the control thread for what is missing. */
type WantName = (serverName: string, kind: "certificate" | "alpn-challenge") => Promise<void>;

/** The choices of one listener in one thread. */
export class ServerContexts {
  readonly #want: WantName;
  readonly #cache: ContextCache;
  #material: TlsMaterial | null = null;
  #listener: ListenerTlsMaterial | null = null;
  #certificates = new CertificateIndex([]);
  #policies: PolicyIndex | null = null;

  /**
   * @param cache may be shared by the listeners of a thread
   * @param want asks for what this name needs; resolves when it is there, or will not be
   */
  constructor(cache: ContextCache, want: WantName = () => Promise.resolve()) {
    this.#cache = cache;
    this.#want = want;
  }

  /** After `awaited`: resolves when the name has a certificate, or will have none. Never rejects. */
  want(hello: HelloFacts): Promise<void> {
    return this.#want(hello.serverName ?? "", isForChallenge(hello) ? "alpn-challenge" : "certificate");
  }

  /** From now on this holds. Connections that are open keep what they have. */
  take(material: TlsMaterial, listenerName: string): void {
    const listener = material.listeners.get(listenerName) ?? null;
    if (listener !== this.#listener || material.certificates !== this.#material?.certificates)
      this.#certificates = new CertificateIndex(
        (listener?.certificates ?? []).flatMap((id) => material.certificates.get(id) ?? []),
      );
    if (listener !== this.#listener) this.#policies = listener === null ? null : new PolicyIndex(listener);
    this.#material = material;
    this.#listener = listener;
  }

  /**
   * What this client gets. `awaited` = there is no certificate of this name yet: call `want`, and when that resolves
   * `choose` again, with `afterWait`.
   */
  choose(hello: HelloFacts, stage: "first" | "afterWait" = "first"): ContextChoice | TlsRefusal | "awaited" {
    const listener = this.#listener;
    const policies = this.#policies;
    if (listener === null || policies === null) return noCertificate;
    const { serverName } = hello;
    const atMs = this.#cache.nowMs();
    if (serverName !== null && isForChallenge(hello)) {
      const challenge = this.#material?.challenges.alpn.get(serverName);
      if (challenge !== undefined)
        return {
          secureContext: this.#cache.challenge(challenge),
          isChallenge: true,
          verify: "none",
          forward: "none",
          ocsp: null,
          policyId: "challenge",
          atMs,
        };
      // Any other certificate would be the wrong proof (RFC 8737 section 3).
      return stage === "first" && this.#material?.challenges.isShared === true ? "awaited" : unknownChallenge;
    }
    const named = serverName === null ? null : this.#certificates.find(serverName, hello);
    if (named === null && serverName !== null) {
      if (listener.isOnDemand && stage === "first") return "awaited";
      if (listener.unknownName === "refuse") return unrecognizedName;
    }
    const certificate = named ?? this.#certificates.default(hello);
    if (certificate === null) return noCertificate;
    const policy = policies.of(serverName);
    return {
      secureContext: this.#cache.context(certificate, policy),
      isChallenge: false,
      verify: policy.clientAuth?.mode ?? "none",
      forward: policy.clientAuth?.forward ?? "none",
      ocsp: certificate.ocsp === null ? null : stapleNow(certificate.ocsp, atMs),
      policyId: policy.id,
      atMs,
    };
  }

  /** Which rules about client certificates hold at this host, in lower case; null = none was named. */
  policyOf(host: string | null): string {
    return this.#policies?.of(host).id ?? "";
  }
}

function stapleNow({ der, nextUpdateMs }: StapleMaterial, nowMs: number): Buffer | null {
  return nowMs < nextUpdateMs ? Buffer.from(der.buffer, der.byteOffset, der.byteLength) : null;
}

/** A certificate authority wants to see a proof, and nothing else. */
function isForChallenge({ alpn }: HelloFacts): boolean {
  return alpn.length === 1 && alpn[0] === acmeTlsProtocol;
}
