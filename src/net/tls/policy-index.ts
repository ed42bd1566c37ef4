/** Which rules hold at which host of a listener: what is asked of clients, and what contexts are made with. */
import { cryptoLibrary } from "../../base/crypto-library.ts";
import type { ClientAuthMaterial, ListenerTlsMaterial } from "./tls-material.ts";

/** The rules that a context is made with. */
export interface TlsPolicy {
  /** The same text means the same rules about client certificates. */
  readonly id: string;
  readonly clientAuth: ClientAuthMaterial | null;
  readonly minVersion: "1.2" | "1.3";
  readonly profile: "intermediate" | "modern";
  readonly ticketSecret: string;
  readonly ticketLifetimeMs: number;
}

/** The rules of one listener. */
export class PolicyIndex {
  readonly #default: TlsPolicy;
  readonly #byName = new Map<string, TlsPolicy>();
  /** By what follows the star, with its dot. */
  readonly #bySuffix = new Map<string, TlsPolicy>();

  constructor(listener: ListenerTlsMaterial) {
    this.#default = toPolicy(listener, listener.clientAuth);
    for (const { names, clientAuth } of listener.hosts) {
      const policy = toPolicy(listener, clientAuth);
      for (const name of names) {
        const isWildcard = name.startsWith("*.");
        const map = isWildcard ? this.#bySuffix : this.#byName;
        const key = isWildcard ? name.slice(1) : name;
        if (!map.has(key)) map.set(key, policy);
      }
    }
  }

  /**
   * A wildcard stands for one or more labels, as in `match.host`: else routes would let in what no rule here covers.
   * The longest one holds.
   * @param name normalised; null = the client named none: it gets what holds at the listener
   */
  of(name: string | null): TlsPolicy {
    if (name === null) return this.#default;
    return this.#byName.get(name) ?? this.#wildcardOf(name) ?? this.#default;
  }

  #wildcardOf(name: string): TlsPolicy | null {
    if (this.#bySuffix.size === 0) return null;
    for (let dot = name.indexOf(".", 1); dot !== -1; dot = name.indexOf(".", dot + 1)) {
      const policy = this.#bySuffix.get(name.slice(dot));
      if (policy !== undefined) return policy;
    }
    return null;
  }
}

function toPolicy(listener: ListenerTlsMaterial, clientAuth: ClientAuthMaterial | null): TlsPolicy {
  const { minVersion, profile, ticketSecret, ticketLifetimeMs } = listener;
  return { id: idOf(clientAuth), clientAuth, minVersion, profile, ticketSecret, ticketLifetimeMs };
}

/** Everything that decides whose certificate is taken is in it: if the authorities or the revoked change, it changes. */
function idOf(clientAuth: ClientAuthMaterial | null): string {
  if (clientAuth === null) return "none";
  const { mode, caPem, crlPem } = clientAuth;
  return cryptoLibrary()
    .createHash("sha256")
    .update(JSON.stringify([mode, caPem, crlPem]))
    .digest("hex");
}
