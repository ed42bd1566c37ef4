/**
 * The contexts of OpenSSL of one thread: made when a client needs one, and kept, because one for each connection would
 * cost 50 µs and more memory than the collector gives back in time. The longest unused go first.
 */
import type { SecureContext } from "node:tls";
import { cryptoLibrary } from "../../base/crypto-library.ts";
import { contextOptions } from "./context-options.ts";
import { nodeTls } from "./node-tls.ts";
import type { TlsPolicy } from "./policy-index.ts";
import type { ChallengeCertificate, CertificateMaterial } from "./tls-material.ts";

const maxContexts = 1_024;
/** A client's certificate is looked at again after this long, whatever tickets may be used for. */
const longestWithClientCertificateMs = 3_600_000;

interface Entry {
  readonly secureContext: SecureContext;
  /** Null = it answers a challenge. */
  readonly certificateId: string | null;
  /** When its tickets are encrypted with another key. */
  readonly slotEndMs: number;
}

/** Contexts by certificate and rules. */
export class ContextCache {
  readonly #entries = new Map<string, Entry>();
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;

  constructor(nowMs: () => number = Date.now) {
    this.nowMs = nowMs;
  }

  /** The context for this certificate under these rules, with the ticket keys of this time. */
  context(certificate: CertificateMaterial, policy: TlsPolicy): SecureContext {
    const nowMs = this.nowMs();
    const { minVersion, profile, ticketLifetimeMs, ticketSecret } = policy;
    const key = `${certificate.id}\n${policy.id}\n${minVersion}\n${profile}\n${ticketLifetimeMs}\n${ticketSecret}`;
    const known = this.#entries.get(key);
    if (known !== undefined && nowMs < known.slotEndMs) {
      // The longest unused are the first of the map.
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known.secureContext;
    }
    const slotMs = slotOf(policy);
    const slot = slotMs === 0 ? 0 : Math.floor(nowMs / slotMs);
    // A ticket from before the lists were out of date would let in who is not let in any more.
    const crlEndMs = policy.clientAuth?.crlEndMs ?? Infinity;
    const isCrlOld = nowMs >= crlEndMs;
    const { createHash, hkdfSync } = cryptoLibrary();
    const secureContext = nodeTls().createSecureContext({
      ...contextOptions(policy),
      cert: certificate.certPem,
      key: certificate.keyPem,
      sessionIdContext: createHash("sha256").update(policy.id).digest("hex").slice(0, 32),
      ...(slotMs > 0 && {
        ticketKeys: Buffer.from(
          hkdfSync(
            "sha256",
            ticketSecret,
            "",
            `millrace tickets ${policy.id} ${slotMs} ${slot}${isCrlOld ? " old" : ""}`,
            48,
          ),
        ),
        sessionTimeout: Math.ceil(slotMs / 1_000),
      }),
    });
    const slotEndMs = slotMs === 0 ? Infinity : (slot + 1) * slotMs;
    this.#keep(key, {
      secureContext,
      certificateId: certificate.id,
      slotEndMs: isCrlOld ? slotEndMs : Math.min(slotEndMs, crlEndMs),
    });
    return secureContext;
  }

  /** The context that answers a challenge. */
  challenge({ certPem, keyPem }: ChallengeCertificate): SecureContext {
    const key = `challenge\n${certPem}`;
    const known = this.#entries.get(key);
    if (known !== undefined) return known.secureContext;
    const secureContext = nodeTls().createSecureContext({ ...contextOptions(null), cert: certPem, key: keyPem });
    this.#keep(key, { secureContext, certificateId: null, slotEndMs: Infinity });
    return secureContext;
  }

  /** Forgets contexts of certificates that are gone, and those of challenges. @param certificates by id */
  retain(certificates: ReadonlyMap<string, unknown>): void {
    for (const [key, { certificateId }] of this.#entries)
      if (certificateId === null || !certificates.has(certificateId)) this.#entries.delete(key);
  }

  #keep(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size <= maxContexts) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      break;
    }
  }
}

function slotOf({ clientAuth, ticketLifetimeMs }: TlsPolicy): number {
  return clientAuth === null ? ticketLifetimeMs : Math.min(ticketLifetimeMs, longestWithClientCertificateMs);
}
