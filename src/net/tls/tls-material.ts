/**
 * What proxy threads need to serve TLS, as plain data: the control thread reads, fetches, validates and watches; the
 * threads are given the result with every configuration, and again whenever some of it changes. Nothing here is read
 * from a disk by a thread.
 */

/** A certificate that was validated, with its key. The pair of keys matches, and the leaf comes first. */
export interface CertificateMaterial {
  /** A digest of chain and key: the same text means the same certificate. */
  readonly id: string;
  /** The names it holds for, in lower case, wildcards as `*.example.com`; addresses as text. Not empty. */
  readonly names: readonly string[];
  /** PEM: the leaf, then what issued it, in this order. */
  readonly certPem: string;
  readonly keyPem: string;
  readonly keyType: CertificateKeyType;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** The address of its OCSP responder; null = it names none. */
  readonly responder: string | null;
  /** An answer of its OCSP responder; null = there is none. */
  readonly ocsp: StapleMaterial | null;
}

/** What is stapled (RFC 6066 section 8), until it is out of date. */
export interface StapleMaterial {
  /** RFC 6960. */
  readonly der: Uint8Array;
  readonly nextUpdateMs: number;
}

/** The kinds of keys that TLS knows. For one name there may be a certificate of each. */
export type CertificateKeyType = "ec" | "rsa" | "ed25519";

/** How clients are asked for certificates. */
export interface ClientAuthMaterial {
  /** How much endpoints are told of a client's certificate: see `ConnectionClient`. */
  readonly forward: "none" | "summary" | "certificate" | "chain";
  /** `request`: a client without one, or with one that does not verify, is let in and the endpoints are told. */
  readonly mode: "request" | "require";
  /** PEM, at least one certificate: nobody else is trusted. */
  readonly caPem: string;
  /** PEM, a list of each authority in `caPem`; null = revocation is not checked. */
  readonly crlPem: string | null;
  /** When the first of these lists is out of date: from then on nobody is let in by it; null = never. */
  readonly crlEndMs: number | null;
}

/** What holds at certain hosts instead of what holds at the listener. */
export interface HostPolicyMaterial {
  /** Names, and wildcards of one or more labels such as `*.example.com`; in lower case. */
  readonly names: readonly string[];
  /** Null = clients are not asked. */
  readonly clientAuth: ClientAuthMaterial | null;
}

/** TLS at one listener. */
export interface ListenerTlsMaterial {
  /** Ids in `TlsMaterial.certificates`; the first is the default. May be empty: then every handshake is refused. */
  readonly certificates: readonly string[];
  /** Which certificate a client gets who asks for a name that none has; `refuse` = the alert `unrecognized_name`. */
  readonly unknownName: "default" | "refuse";
  /** The control thread is to be asked about a name that no certificate has: see `ServerContexts.choose`. */
  readonly isOnDemand: boolean;
  readonly minVersion: "1.2" | "1.3";
  readonly profile: "intermediate" | "modern";
  /** At every host that `hosts` does not have; null = clients are not asked. */
  readonly clientAuth: ClientAuthMaterial | null;
  readonly hosts: readonly HostPolicyMaterial[];
  /** What tickets are encrypted with follows from this and the time; base64. Shared by threads, and by instances if they want. */
  readonly ticketSecret: string;
  /** How long a ticket may be used for; 0 = no resumption. */
  readonly ticketLifetimeMs: number;
}

/** A certificate that answers a challenge of ACME by TLS (RFC 8737): self-signed, used for nothing else. */
export interface ChallengeCertificate {
  readonly certPem: string;
  readonly keyPem: string;
}

/** What answers the challenges of certificate authorities at the moment, at every listener. */
export interface ChallengeMaterial {
  /** RFC 8555 section 8.3: token → key authorization. */
  readonly http: ReadonlyMap<string, string>;
  /** RFC 8737: server name → certificate. */
  readonly alpn: ReadonlyMap<string, ChallengeCertificate>;
  /** Other instances may know more: the control thread is to be asked about what is not here. */
  readonly isShared: boolean;
}

/** Everything. Immutable: a change is another object, with the parts that stay the same. */
export interface TlsMaterial {
  /** By id. */
  readonly certificates: ReadonlyMap<string, CertificateMaterial>;
  /** By the name of the listener; those without TLS are not in it. */
  readonly listeners: ReadonlyMap<string, ListenerTlsMaterial>;
  readonly challenges: ChallengeMaterial;
}

/** Nobody speaks TLS. */
export const noTlsMaterial: TlsMaterial = {
  certificates: new Map(),
  listeners: new Map(),
  challenges: { http: new Map(), alpn: new Map(), isShared: false },
};
