/** What every context towards clients is made with: versions, suites, groups, and what is switched off. */
import type { SecureContextOptions } from "node:tls";
import { cryptoLibrary } from "../../base/crypto-library.ts";
import { nodeTls } from "./node-tls.ts";
import type { TlsPolicy } from "./policy-index.ts";

/** Mozilla's "intermediate": suites with forward secrecy and authenticated encryption, nothing else. */
const intermediateCiphers = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

const classicGroups = "X25519:P-256:P-384";
/** Null = not looked for yet. */
let groups: string | null = null;

/** @param policy null = the certificate of a challenge: no rules about clients hold */
export function contextOptions(policy: TlsPolicy | null): SecureContextOptions {
  const hasTickets = policy !== null && policy.ticketLifetimeMs > 0;
  const { constants } = cryptoLibrary();
  groups ??= findGroups();
  return {
    ciphers: intermediateCiphers,
    ecdhCurve: groups,
    minVersion: policy?.profile === "modern" || policy?.minVersion === "1.3" ? "TLSv1.3" : "TLSv1.2",
    maxVersion: "TLSv1.3",
    // Our order of suites: AES-128 before AES-256, which costs more and protects from nobody in addition; and
    // ChaCha20 for clients that name it first, because they have no AES in hardware.
    secureOptions:
      constants.SSL_OP_NO_RENEGOTIATION |
      constants.SSL_OP_CIPHER_SERVER_PREFERENCE |
      constants.SSL_OP_PRIORITIZE_CHACHA |
      (hasTickets ? 0 : constants.SSL_OP_NO_TICKET),
    // Whoever names an authority trusts it, whether or not another one has issued it. Nobody else is trusted: without a
    // list, Node.js would read the public authorities, for 40 ms, and trust them.
    ca: policy?.clientAuth?.caPem ?? [],
    allowPartialTrustChain: true,
    ...(policy?.clientAuth?.crlPem != null && { crl: policy.clientAuth.crlPem }),
  };
}

/** Key exchange that a quantum computer does not break, first, if this OpenSSL has it (3.5 and later). */
function findGroups(): string {
  const all = `X25519MLKEM768:${classicGroups}`;
  try {
    nodeTls().createSecureContext({ ecdhCurve: all });
    return all;
  } catch {
    return classicGroups;
  }
}
