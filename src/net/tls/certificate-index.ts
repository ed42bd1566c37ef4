/**
 * Finds the certificate of a listener for a server name. For one name there may be certificates with keys of several
 * kinds; the client gets the one that it can verify, of an elliptic curve if it can, as that is cheaper for both.
 */
import { NameIndex } from "./name-index.ts";
import { canVerify, type KeyPreferences } from "./key-preference.ts";
import type { CertificateKeyType, CertificateMaterial } from "./tls-material.ts";

/** By kind of key: the first certificate of a name. */
type ByKeyType = Partial<Record<CertificateKeyType, CertificateMaterial>>;

const order: readonly CertificateKeyType[] = ["ec", "rsa", "ed25519"];

/** The certificates of one listener. */
export class CertificateIndex {
  readonly #byName = new NameIndex<ByKeyType>();
  #default: ByKeyType | null = null;

  /** @param certificates the first is the default, beside those of the same names with another kind of key */
  constructor(certificates: readonly CertificateMaterial[]) {
    const exact = new Map<string, ByKeyType>();
    for (const certificate of certificates)
      for (const name of certificate.names) {
        let entry = exact.get(name);
        if (entry === undefined) {
          entry = {};
          exact.set(name, entry);
          this.#byName.add(name, entry);
        }
        entry[certificate.keyType] ??= certificate;
      }
    const first = certificates[0];
    const names = first?.names[0];
    if (first !== undefined && names !== undefined) this.#default = { ...exact.get(names), [first.keyType]: first };
  }

  /** Null = no certificate has the name. @param name normalised */
  find(name: string, client: KeyPreferences): CertificateMaterial | null {
    const entry = this.#byName.find(name);
    return entry === null ? null : pick(entry, client);
  }

  /** Null = there is no certificate at all. */
  default(client: KeyPreferences): CertificateMaterial | null {
    return this.#default === null ? null : pick(this.#default, client);
  }
}

/** A client that can verify none gets any: the handshake fails with the alert that is right for it. */
function pick(entry: ByKeyType, client: KeyPreferences): CertificateMaterial | null {
  let last: CertificateMaterial | null = null;
  for (const keyType of order) {
    const certificate = entry[keyType];
    if (certificate === undefined) continue;
    if (canVerify(client, keyType)) return certificate;
    last = certificate;
  }
  return last;
}
