/**
 * A configuration as it is written in TypeScript, with what an editor shows of each key. Generated from the schemas by
 * `node scripts/generate-docs.ts`; do not edit.
 */

/**
 * A configuration as it is written in TypeScript: the keys of the YAML form.
 *
 * @example
 * ```ts
 * import type { ConfigInput } from "millrace";
 *
 * const config: ConfigInput = {
 *   listeners: [{ address: ":8080" }],
 *   upstreams: { app: { endpoints: ["http://localhost:3001", "http://localhost:3002"] } },
 *   routes: [{ upstream: "app" }],
 * };
 * ```
 */
export interface ConfigInput {
  /**
   * How many proxy threads there are; `auto`: one for each core this process may use, and no more than the CPU quota of
   * its control groups (a fraction counts as a whole). A reload that changes it takes effect at the next start.
   *
   * "auto" or a number. Zero: the main thread does all the work.
   *
   * @default "auto"
   */
  readonly workers?: "auto" | number | undefined;
  /** How the proxy ends. */
  readonly shutdown?: ShutdownInput | undefined;
  /**
   * Where this instance runs: a data centre or availability zone, such as `${ZONE}`. Upstreams prefer the endpoints
   * whose `zone` is the same.
   *
   * @default none
   */
  readonly zone?: string | undefined;
  /** Where requests come in. */
  readonly listeners: readonly ListenerInput[];
  /**
   * Which requests go where: by priority, then specificity, then order. A request that no route takes is answered with
   * 404.
   */
  readonly routes: readonly RouteInput[];
  /** The groups of endpoints that routes send requests to. */
  readonly upstreams?: { readonly [name: string]: UpstreamInput } | undefined;
  /** Places that keep what instances share, or what outlives them: servers, and for caches memory and disks. */
  readonly stores?: { readonly [name: string]: StoreInput } | undefined;
  /** What happens when there is more to do than can be done. */
  readonly overload?: OverloadInput | undefined;
  /**
   * Metrics, health, status and reload over HTTP. `{}` serves them on 127.0.0.1:9901; an address alone, such as
   * `":9901"`, stands for a section with that address.
   *
   * @default off
   */
  readonly admin?: boolean | "on" | "off" | AdminInput | string | SocketInput | undefined;
  /** What is written where. */
  readonly log?: LogInput | undefined;
  /** Ignored: a place for what a program keeps beside the configuration. */
  readonly [extension: `x-${string}`]: unknown;
}

/**
 * How the proxy ends.
 *
 * The section `shutdown`.
 *
 * @example
 * ```ts
 * import type { ShutdownInput } from "millrace";
 *
 * const shutdown: ShutdownInput = { grace: "30s", delay: "5s" };
 * ```
 */
export interface ShutdownInput {
  /**
   * How long exchanges under way may take to end after SIGTERM or a reload that removes what they use.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: they are cut off at once.
   *
   * @default "30s"
   */
  readonly grace?: string | undefined;
  /**
   * How long new connections are still accepted after SIGTERM while `/readyz` already says no, so that a load balancer
   * in front can notice.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: no delay.
   *
   * @default "0s"
   */
  readonly delay?: string | undefined;
}

/**
 * Where requests come in.
 *
 * An item of `listeners`.
 *
 * @example
 * ```ts
 * import type { ListenerInput } from "millrace";
 *
 * const listener: ListenerInput = { name: "public", address: ":8080", trustedProxies: ["10.0.0.0/8"] };
 * ```
 */
export interface ListenerInput {
  /**
   * How logs and metrics call this listener.
   *
   * @default its address
   */
  readonly name?: string | undefined;
  /**
   * Where connections are accepted: `host:port`, `:port` (every address, IPv6 and IPv4), `unix:/path`, `{ unix: /path,
   * mode: "0660" }` (its permissions; owner and group unless you say otherwise), or `fd:3` or `fd:name` for a socket
   * passed on by systemd, which one thread serves. Port 0 takes any free port.
   */
  readonly address: string | SocketInput;
  /**
   * What is spoken. `http`: HTTP. `tcp`: anything; the bytes pass unread, to the upstream of a route whose `match`
   * names this listener or the server name (SNI) that the client's TLS asks for. `udp`: datagrams, to the upstream of a
   * route that names this listener; those of one client address and port are a session.
   *
   * @default "http"
   */
  readonly mode?: "http" | "tcp" | "udp" | undefined;
  /**
   * The networks whose `X-Forwarded-*` and `Forwarded` fields are believed; `unix` is whoever connects to the
   * listener's Unix socket. Nobody's by default: then these fields are replaced by what this proxy sees itself.
   *
   * List of networks.
   *
   * Danger: everyone in these networks, or who may write to the socket, can claim any client address.
   *
   * @default []
   */
  readonly trustedProxies?: string | readonly string[] | undefined;
  /**
   * Takes PROXY headers (versions 1 and 2) from the load balancers in `trusted`, who must send one; the address in it
   * is the client's, for everything. Others connect without a header.
   */
  readonly proxyProtocol?: false | "off" | ListenerProxyProtocolInput | undefined;
  /** What one client may use. */
  readonly limits?: ListenerLimitsInput | undefined;
  /** How long clients may take. */
  readonly timeouts?: ListenerTimeoutsInput | undefined;
  /**
   * TLS: connections are HTTPS. Certificates, their choice, and what is asked of clients.
   *
   * @default off
   */
  readonly tls?: "internal" | ListenerTlsInput | undefined;
}

/**
 * Where connections are accepted: `host:port`, `:port` (every address, IPv6 and IPv4), `unix:/path`, `{ unix: /path,
 * mode: "0660" }` (its permissions; owner and group unless you say otherwise), or `fd:3` or `fd:name` for a socket
 * passed on by systemd, which one thread serves. Port 0 takes any free port.
 *
 * The section `listeners[].address`.
 *
 * @example
 * ```ts
 * import type { SocketInput } from "millrace";
 *
 * const socket: SocketInput = { unix: "/run/millrace.sock", mode: "0660" };
 * ```
 */
export interface SocketInput {
  /** The path of a Unix socket. */
  readonly unix: string;
  /**
   * The permissions of its file, from its first moment on: who may write may connect.
   *
   * @default "0660"
   */
  readonly mode?: string | undefined;
}

/**
 * Takes PROXY headers (versions 1 and 2) from the load balancers in `trusted`, who must send one; the address in it is
 * the client's, for everything. Others connect without a header.
 *
 * The section `listeners[].proxyProtocol`.
 *
 * @example
 * ```ts
 * import type { ListenerProxyProtocolInput } from "millrace";
 *
 * const listenerProxyProtocol: ListenerProxyProtocolInput = { trusted: ["10.1.0.0/16"] };
 * ```
 */
export interface ListenerProxyProtocolInput {
  /**
   * The networks of the load balancers that send a PROXY header first on each connection; `unix` is whoever connects to
   * the listener's Unix socket. A connection of theirs without a header is closed.
   *
   * List of networks.
   *
   * Danger: everyone in these networks, or who may write to the socket, can claim any client address.
   */
  readonly trusted: string | readonly string[];
  /**
   * How long such a load balancer may take for the header; then its connection is closed.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "5s"
   */
  readonly timeout?: string | undefined;
}

/**
 * What one client may use.
 *
 * The section `listeners[].limits`.
 *
 * @example
 * ```ts
 * import type { ListenerLimitsInput } from "millrace";
 *
 * const listenerLimits: ListenerLimitsInput = { connections: 10000, bodyBytes: "10MiB" };
 * ```
 */
export interface ListenerLimitsInput {
  /**
   * The longest request head, request line included; 431 above it (414 if the request line alone is too long).
   *
   * A size: a number of bytes, or text with a unit, such as `"16KiB"` or `"1MB"`.
   *
   * @default "16KiB"
   */
  readonly headBytes?: string | number | undefined;
  /**
   * The most header fields in a request; 431 above it.
   *
   * A whole number from 1 to 10000.
   *
   * @default 100
   */
  readonly headFields?: number | undefined;
  /**
   * The most client connections at a time, over all threads; more are closed as they come. With `mode: udp`, the most
   * sessions.
   *
   * A whole number from 0 to 10000000. Zero: no limit; with `mode: udp` 10,000.
   *
   * @default 0
   */
  readonly connections?: number | undefined;
  /**
   * The most requests on one connection, which is then closed after the answer.
   *
   * A whole number from 0 to 1000000000. Zero: no limit.
   *
   * @default 0
   */
  readonly requestsPerConnection?: number | undefined;
  /**
   * The longest request body; 413 above it.
   *
   * A size: a number of bytes, or text with a unit, such as `"16KiB"` or `"1MB"`. Zero: no limit: bodies are streamed,
   * never held.
   *
   * @default "0"
   */
  readonly bodyBytes?: string | number | undefined;
}

/**
 * How long clients may take.
 *
 * The section `listeners[].timeouts`.
 *
 * @example
 * ```ts
 * import type { ListenerTimeoutsInput } from "millrace";
 *
 * const listenerTimeouts: ListenerTimeoutsInput = { head: "5s", keepAlive: "30s" };
 * ```
 */
export interface ListenerTimeoutsInput {
  /**
   * How long a client may take for a request head, from its first byte; 408 after it. With `mode: tcp`, for the
   * ClientHello if routes go by `sni`.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "10s"
   */
  readonly head?: string | undefined;
  /**
   * The longest pause in a request body; every byte starts it again. 408 after it.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "60s"
   */
  readonly body?: string | undefined;
  /**
   * How long a client may take nothing of its answer; every byte taken, or sent meanwhile, starts it again. The
   * connection is closed after it.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "60s"
   */
  readonly write?: string | undefined;
  /**
   * How long an idle connection is kept for the next request.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "75s"
   */
  readonly keepAlive?: string | undefined;
  /**
   * How long nothing may move in either direction of a session with `mode: tcp`, whose connections are reset after it,
   * or `udp`. A peer of TCP that is gone is noticed earlier, by keep-alive.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: no limit.
   *
   * @default 1h; with `mode: udp` 30s
   */
  readonly idle?: string | undefined;
}

/**
 * TLS: connections are HTTPS. Certificates, their choice, and what is asked of clients.
 *
 * The section `listeners[].tls`.
 *
 * @example
 * ```ts
 * import type { ListenerTlsInput } from "millrace";
 *
 * const listenerTls: ListenerTlsInput = {
 *   certificates: [{ cert: "example.com.pem", key: "example.com.key" }],
 *   minVersion: "1.3",
 *   unknownName: "refuse",
 *   hosts: [{ host: "admin.example.com", clientAuth: { ca: "admins.pem" } }],
 * };
 * ```
 */
export interface ListenerTlsInput {
  /**
   * Certificates and their keys. A client gets the one of the name it asks for (exactly, else by a wildcard of one
   * label), and the first if it asks for none. For one name there may be one with an elliptic-curve key and one with an
   * RSA key. Changed files are taken without a reload.
   *
   * @default []
   */
  readonly certificates?: readonly ListenerTlsCertificateInput[] | undefined;
  /**
   * Certificates of an authority on this machine, which is made with the first one: for development, and for networks
   * whose machines trust its root (`millrace trust`). `tls: internal` is short for it.
   *
   * Switch or section.
   *
   * @default off
   */
  readonly internal?: boolean | "on" | "off" | ListenerTlsInternalInput | undefined;
  /**
   * Clients that ask for a name that no certificate has: `default` gives them the first certificate, `refuse` ends the
   * handshake (`unrecognized_name`).
   *
   * @default "default"
   */
  readonly unknownName?: "default" | "refuse" | undefined;
  /**
   * The oldest version of TLS that is spoken.
   *
   * "1.2" or "1.3".
   *
   * @default "1.2"
   */
  readonly minVersion?: "1.2" | "1.3" | 1.2 | 1.3 | undefined;
  /**
   * Mozilla's recommendation: `intermediate` is TLS 1.2 with forward secrecy and TLS 1.3, `modern` is TLS 1.3 alone.
   *
   * @default "intermediate"
   */
  readonly profile?: "intermediate" | "modern" | undefined;
  /**
   * Certificates of clients.
   *
   * @default clients are not asked
   */
  readonly clientAuth?: ListenerTlsClientAuthInput | undefined;
  /**
   * What holds at certain hosts instead. A request for one of them on a connection of another gets 421.
   *
   * @default []
   */
  readonly hosts?: readonly ListenerTlsHostInput[] | undefined;
  /**
   * Certificates that a certificate authority is asked for and renewed by themselves (ACME).
   *
   * @default off
   */
  readonly acme?: ListenerTlsAcmeInput | undefined;
  /** How sessions are resumed; `off`: every connection begins with a full handshake. */
  readonly tickets?: false | "off" | ListenerTlsTicketsInput | undefined;
  /**
   * Another listener, for plain HTTP, which sends clients here: `":80"`, or a section. Routes do not hold there, but
   * for clients that came by HTTPS to a load balancer in `trustedProxies`, which says so in `X-Forwarded-Proto` or
   * `Forwarded`: they would be sent in a circle. Limits and timeouts are those of this listener.
   *
   * Address or section.
   *
   * @default off
   */
  readonly redirect?: false | "off" | string | SocketInput | ListenerTlsRedirectInput | undefined;
  /**
   * Tells browsers to come by HTTPS only (Strict-Transport-Security, RFC 6797): `on` for a year, a duration such as
   * `30d`, or a section. What an endpoint says of it stands.
   *
   * Duration, switch or section.
   *
   * @default off
   */
  readonly hsts?: boolean | "on" | "off" | string | ListenerTlsHstsInput | undefined;
}

/**
 * Certificates and their keys. A client gets the one of the name it asks for (exactly, else by a wildcard of one
 * label), and the first if it asks for none. For one name there may be one with an elliptic-curve key and one with an
 * RSA key. Changed files are taken without a reload.
 *
 * An item of `listeners[].tls.certificates`.
 *
 * @example
 * ```ts
 * import type { ListenerTlsCertificateInput } from "millrace";
 *
 * const listenerTlsCertificate: ListenerTlsCertificateInput = { cert: "example.com.pem", key: "example.com.key" };
 * ```
 */
export interface ListenerTlsCertificateInput {
  /** A PEM file: the certificate first, then those that issued it, without the root. */
  readonly cert: string;
  /** A PEM file with its private key, without a passphrase. */
  readonly key: string;
  /**
   * A PEM file with the certificates that issued it.
   *
   * @default they are in `cert`
   */
  readonly chain?: string | undefined;
  /**
   * What is stapled: `auto` asks the responder that the certificate names, in the background, and staples nothing if it
   * names none; a path is a file with an answer (DER), as `openssl ocsp -respout` writes it.
   *
   * `auto`, `off` or path.
   *
   * @default "auto"
   */
  readonly ocsp?: "auto" | "off" | false | string | undefined;
}

/**
 * Certificates of an authority on this machine, which is made with the first one: for development, and for networks
 * whose machines trust its root (`millrace trust`). `tls: internal` is short for it.
 *
 * The section `listeners[].tls.internal`.
 *
 * @example
 * ```ts
 * import type { ListenerTlsInternalInput } from "millrace";
 *
 * const listenerTlsInternal: ListenerTlsInternalInput = { names: ["app.internal"] };
 * ```
 */
export interface ListenerTlsInternalInput {
  /**
   * Where the authority is kept. It is made there once, and shared by all processes that use the folder; nobody else
   * may read it.
   *
   * Danger: whoever has read it can pass for any host to those who trust it.
   *
   * @default `ca` in the folder of the service's state, else in that of the user's data
   */
  readonly folder?: string | undefined;
  /**
   * Names that have a certificate from the start. `localhost` and the machine's own name and addresses have one in any
   * case, every other name gets one when a client asks for it.
   *
   * Name or list of names.
   *
   * @default []
   */
  readonly names?: string | readonly string[] | undefined;
}

/**
 * Certificates of clients.
 *
 * The section `listeners[].tls.clientAuth`.
 *
 * @example
 * ```ts
 * import type { ListenerTlsClientAuthInput } from "millrace";
 *
 * const listenerTlsClientAuth: ListenerTlsClientAuthInput = { ca: "staff.pem", mode: "request", crl: "staff.crl" };
 * ```
 */
export interface ListenerTlsClientAuthInput {
  /**
   * PEM files with the authorities whose certificates are taken. Nobody else is trusted.
   *
   * Path or list of paths.
   */
  readonly ca: string | readonly string[];
  /**
   * `require`: a handshake without a certificate of these authorities fails. `request`: clients are let in all the
   * same, and endpoints are told who they are.
   *
   * @default "require"
   */
  readonly mode?: "require" | "request" | undefined;
  /**
   * What endpoints are told: `summary` is `X-Client-Cert-Verify` (`SUCCESS`, `NONE`, `FAILED:reason`), `-Subject`,
   * `-San` and `-Fingerprint`; `certificate` is that and `Client-Cert` (RFC 9440), `chain` is that and
   * `Client-Cert-Chain`. These fields are never taken from a client.
   *
   * @default "summary"
   */
  readonly forward?: "summary" | "certificate" | "chain" | "none" | undefined;
  /**
   * PEM files with lists of revoked certificates: one list of each authority in `ca`. Lists out of date let nobody in.
   *
   * Path or list of paths.
   *
   * @default []
   */
  readonly crl?: string | readonly string[] | undefined;
}

/**
 * What holds at certain hosts instead. A request for one of them on a connection of another gets 421.
 *
 * An item of `listeners[].tls.hosts`.
 *
 * @example
 * ```ts
 * import type { ListenerTlsHostInput } from "millrace";
 *
 * const listenerTlsHost: ListenerTlsHostInput = { host: "admin.example.com", clientAuth: { ca: "admins.pem" } };
 * ```
 */
export interface ListenerTlsHostInput {
  /**
   * Names, or `*.example.com` for one or more labels in front, as in `match.host`. The exact name comes first, then the
   * longest wildcard.
   *
   * Name or list of names.
   */
  readonly host: string | readonly string[];
  /** As `clientAuth` of the listener, in its place; `off`: clients are not asked. */
  readonly clientAuth: false | "off" | ListenerTlsHostClientAuthInput;
}

/**
 * As `clientAuth` of the listener, in its place; `off`: clients are not asked.
 *
 * The section `listeners[].tls.hosts[].clientAuth`.
 *
 * @example
 * ```ts
 * import type { ListenerTlsHostClientAuthInput } from "millrace";
 *
 * const listenerTlsHostClientAuth: ListenerTlsHostClientAuthInput = { ca: "admins.pem" };
 * ```
 */
export interface ListenerTlsHostClientAuthInput {
  /**
   * PEM files with the authorities whose certificates are taken. Nobody else is trusted.
   *
   * Path or list of paths.
   */
  readonly ca: string | readonly string[];
  /**
   * `require`: a handshake without a certificate of these authorities fails. `request`: clients are let in all the
   * same, and endpoints are told who they are.
   *
   * @default "require"
   */
  readonly mode?: "require" | "request" | undefined;
  /**
   * What endpoints are told: `summary` is `X-Client-Cert-Verify` (`SUCCESS`, `NONE`, `FAILED:reason`), `-Subject`,
   * `-San` and `-Fingerprint`; `certificate` is that and `Client-Cert` (RFC 9440), `chain` is that and
   * `Client-Cert-Chain`. These fields are never taken from a client.
   *
   * @default "summary"
   */
  readonly forward?: "summary" | "certificate" | "chain" | "none" | undefined;
  /**
   * PEM files with lists of revoked certificates: one list of each authority in `ca`. Lists out of date let nobody in.
   *
   * Path or list of paths.
   *
   * @default []
   */
  readonly crl?: string | readonly string[] | undefined;
}

/**
 * Certificates that a certificate authority is asked for and renewed by themselves (ACME).
 *
 * The section `listeners[].tls.acme`.
 *
 * @example
 * ```ts
 * import type { ListenerTlsAcmeInput } from "millrace";
 *
 * const listenerTlsAcme: ListenerTlsAcmeInput = {
 *   email: "me@example.com",
 *   domains: ["example.com", ["example.org", "*.example.org"]],
 *   directory: [
 *     "letsencrypt",
 *     {
 *       url: "https://ca.example.net/directory",
 *       eab: { keyId: "kid-1", hmacKey: "zWNDZM6eQGHWpSRTPal5eIUYFTu7Eaj" },
 *     },
 *   ],
 *   challenge: "dns-01",
 * };
 * ```
 */
export interface ListenerTlsAcmeInput {
  /**
   * Where the CA writes to if something is wrong.
   *
   * @default none
   */
  readonly email?: string | undefined;
  /**
   * The names that certificates are issued for, one each; a list within the list is one certificate for several names.
   * Wildcards such as `*.example.com` need the challenge `dns-01`.
   *
   * @default []
   */
  readonly domains?: readonly (string | readonly string[])[] | undefined;
  /**
   * The directory of the CA; `letsencrypt` and `letsencrypt-staging` are words for theirs. Of a list, the next one is
   * asked if one fails: a URL, or a section with `url` and its own `ca`, `eab`, `profile` and `preferredChain`, for
   * those beside `directory` belong to the first.
   *
   * URL or list.
   *
   * @default "letsencrypt"
   */
  readonly directory?: string | readonly (string | ListenerTlsAcmeDirectoryInput)[] | undefined;
  /**
   * A PEM file with the roots that the server of the CA is verified with.
   *
   * @default the roots that Node.js trusts
   */
  readonly ca?: string | undefined;
  /**
   * External account binding: binds the account to one that you have with the CA already.
   *
   * @default none
   */
  readonly eab?: ListenerTlsAcmeDirectoryEabInput | undefined;
  /**
   * The profile that certificates are ordered by, such as `shortlived`.
   *
   * @default what the CA gives
   */
  readonly profile?: string | undefined;
  /**
   * The common name of an issuer: of several chains, the one that has it is taken.
   *
   * @default the first chain that the CA gives
   */
  readonly preferredChain?: string | undefined;
  /**
   * How names are proven, in the order in which it is tried: `tls-alpn-01` at port 443, `http-01` at port 80, on any
   * listener of this proxy; `dns-01` through `dns`.
   *
   * Challenge or list.
   *
   * @default ["tls-alpn-01","http-01"]
   */
  readonly challenge?:
    | "tls-alpn-01"
    | "http-01"
    | "dns-01"
    | readonly ("tls-alpn-01" | "http-01" | "dns-01")[]
    | undefined;
  /**
   * How TXT records are made for `dns-01`.
   *
   * @default none
   */
  readonly dns?: ListenerTlsAcmeDnsInput | undefined;
  /**
   * Where keys and certificates are kept: a folder, `{ store: NAME }` for one of `stores`, `{ redis: … }` or `{ etcd: …
   * }`. Instances with the same storage ask the CA once, and answer each other's challenges.
   *
   * Path or section.
   *
   * Danger: private keys are in it. If it is lost at every start, the CA's rate limits are soon used up.
   *
   * @default `acme` in `$STATE_DIRECTORY`, else `millrace/acme` in `$XDG_DATA_HOME` (`~/.local/share`)
   */
  readonly storage?: string | ListenerTlsAcmeStorageInput | undefined;
  /**
   * The keys of the certificates: P-256, or RSA with 2048 bits for very old clients.
   *
   * @default "ecdsa"
   */
  readonly key?: "ecdsa" | "rsa" | undefined;
  /**
   * Orders certificates for names that clients ask for, in their first handshake. Somebody must be asked: else anyone
   * who points names here uses up the CA's limits.
   *
   * @default off
   */
  readonly onDemand?: ListenerTlsAcmeOnDemandInput | undefined;
}

/**
 * The directory of the CA; `letsencrypt` and `letsencrypt-staging` are words for theirs. Of a list, the next one is
 * asked if one fails: a URL, or a section with `url` and its own `ca`, `eab`, `profile` and `preferredChain`, for those
 * beside `directory` belong to the first.
 *
 * An item of `listeners[].tls.acme.directory`.
 *
 * @example
 * ```ts
 * import type { ListenerTlsAcmeDirectoryInput } from "millrace";
 *
 * const listenerTlsAcmeDirectory: ListenerTlsAcmeDirectoryInput = { url: "https://ca.example.net/directory" };
 * ```
 */
export interface ListenerTlsAcmeDirectoryInput {
  /** The directory of the CA. */
  readonly url: string;
  /**
   * A PEM file with the roots that the server of the CA is verified with.
   *
   * @default the roots that Node.js trusts
   */
  readonly ca?: string | undefined;
  /**
   * External account binding: binds the account to one that you have with the CA already.
   *
   * @default none
   */
  readonly eab?: ListenerTlsAcmeDirectoryEabInput | undefined;
  /**
   * The profile that certificates are ordered by, such as `shortlived`.
   *
   * @default what the CA gives
   */
  readonly profile?: string | undefined;
  /**
   * The common name of an issuer: of several chains, the one that has it is taken.
   *
   * @default the first chain that the CA gives
   */
  readonly preferredChain?: string | undefined;
}

/**
 * External account binding: binds the account to one that you have with the CA already.
 *
 * The section `listeners[].tls.acme.directory[].eab`.
 *
 * @example
 * ```ts
 * import type { ListenerTlsAcmeDirectoryEabInput } from "millrace";
 *
 * const listenerTlsAcmeDirectoryEab: ListenerTlsAcmeDirectoryEabInput = { keyId: "kid-1", hmacKey: "zWNDZM6eQGHWpSRTPal5eIUYFTu7Eaj" };
 * ```
 */
export interface ListenerTlsAcmeDirectoryEabInput {
  /** What the CA calls the key. */
  readonly keyId: string;
  /** The key, in base64url, as the CA shows it. */
  readonly hmacKey: string;
}

/**
 * How TXT records are made for `dns-01`.
 *
 * The section `listeners[].tls.acme.dns`.
 *
 * @example
 * ```ts
 * import type { ListenerTlsAcmeDnsInput } from "millrace";
 *
 * const listenerTlsAcmeDns: ListenerTlsAcmeDnsInput = {
 *   hook: ["/usr/local/bin/dns-record", "example"],
 *   wait: "1m",
 *   resolvers: ["192.0.2.53"],
 * };
 * ```
 */
export interface ListenerTlsAcmeDnsInput {
  /**
   * Adds and removes TXT records. A command is run with three arguments more: `add` or `remove`, the name of the
   * record, its value; they are in `MILLRACE_ACTION`, `MILLRACE_RECORD` and `MILLRACE_VALUE`, too, and the name that is
   * proven in `MILLRACE_NAME`. Adding must leave other values of the same record alone: a name and its wildcard have
   * one each at the same time.
   *
   * Command, list or function.
   *
   * Danger: the command runs with the rights of the proxy.
   */
  readonly hook:
    | string
    | readonly string[]
    | ((change: { action: "add" | "remove"; record: string; value: string; name: string }) => void | Promise<void>);
  /**
   * How long the hook may take; then it is ended, and the order fails.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "60s"
   */
  readonly timeout?: string | undefined;
  /**
   * How long the name servers have until the CA is told to look. With `resolvers`, how long is waited for them at most.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: the CA is told at once.
   *
   * @default "30s"
   */
  readonly wait?: string | undefined;
  /**
   * Name servers that must all show the record before the CA is told to look: those that the zone is served by, not
   * caches.
   *
   * List of addresses.
   *
   * @default []
   */
  readonly resolvers?: readonly string[] | undefined;
}

/**
 * Where keys and certificates are kept: a folder, `{ store: NAME }` for one of `stores`, `{ redis: … }` or `{ etcd: …
 * }`. Instances with the same storage ask the CA once, and answer each other's challenges.
 *
 * The section `listeners[].tls.acme.storage`.
 *
 * @example
 * ```ts
 * import type { ListenerTlsAcmeStorageInput } from "millrace";
 *
 * const listenerTlsAcmeStorage: ListenerTlsAcmeStorageInput = { etcd: { urls: ["http://127.0.0.1:2379"] } };
 * ```
 */
export interface ListenerTlsAcmeStorageInput {
  /**
   * A Redis or Valkey server. Needs the package `@redis/client` beside Millrace.
   *
   * @default none
   */
  readonly redis?: ListenerTlsAcmeStorageRedisInput | undefined;
  /**
   * An etcd cluster, 3.4 or later, through its JSON gateway.
   *
   * @default none
   */
  readonly etcd?: ListenerTlsAcmeStorageEtcdInput | undefined;
  /**
   * One of `stores`: Redis, etcd or Consul. Its keys begin with `acme/` after the prefix of the store.
   *
   * @default none
   */
  readonly store?: string | undefined;
}

/**
 * A Redis or Valkey server. Needs the package `@redis/client` beside Millrace.
 *
 * The section `listeners[].tls.acme.storage.redis`.
 *
 * @example
 * ```ts
 * import type { ListenerTlsAcmeStorageRedisInput } from "millrace";
 *
 * const listenerTlsAcmeStorageRedis: ListenerTlsAcmeStorageRedisInput = { url: "redis://127.0.0.1:6379" };
 * ```
 */
export interface ListenerTlsAcmeStorageRedisInput {
  /** As at `stores`. */
  readonly url: string;
  /**
   * What all keys begin with.
   *
   * @default "millrace:"
   */
  readonly prefix?: string | undefined;
}

/**
 * An etcd cluster, 3.4 or later, through its JSON gateway.
 *
 * The section `listeners[].tls.acme.storage.etcd`.
 *
 * @example
 * ```ts
 * import type { ListenerTlsAcmeStorageEtcdInput } from "millrace";
 *
 * const listenerTlsAcmeStorageEtcd: ListenerTlsAcmeStorageEtcdInput = { urls: ["http://127.0.0.1:2379"] };
 * ```
 */
export interface ListenerTlsAcmeStorageEtcdInput {
  /**
   * The members of the cluster.
   *
   * List of URLs.
   */
  readonly urls: readonly string[];
  /**
   * What all keys begin with.
   *
   * @default "/millrace/acme/"
   */
  readonly prefix?: string | undefined;
  /**
   * Who logs in.
   *
   * @default none
   */
  readonly user?: string | undefined;
  /**
   * The password of `user`.
   *
   * @default none
   */
  readonly password?: string | undefined;
  /**
   * A PEM file with the roots that the members are verified with.
   *
   * @default the roots that Node.js trusts
   */
  readonly ca?: string | undefined;
}

/**
 * Orders certificates for names that clients ask for, in their first handshake. Somebody must be asked: else anyone who
 * points names here uses up the CA's limits.
 *
 * The section `listeners[].tls.acme.onDemand`.
 *
 * @example
 * ```ts
 * import type { ListenerTlsAcmeOnDemandInput } from "millrace";
 *
 * const listenerTlsAcmeOnDemand: ListenerTlsAcmeOnDemandInput = { ask: "http://127.0.0.1:9000/allowed", rate: "5/m" };
 * ```
 */
export interface ListenerTlsAcmeOnDemandInput {
  /**
   * Asked with GET and `?domain=NAME` before a certificate is ordered for a name: any answer with a status of 2xx
   * allows it, everything else does not.
   */
  readonly ask: string;
  /**
   * How long `ask` may take.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "5s"
   */
  readonly timeout?: string | undefined;
  /**
   * How many certificates are ordered at most.
   *
   * @default "10/m"
   */
  readonly rate?: string | undefined;
  /**
   * How many names may have a certificate at a time; further ones are refused.
   *
   * A whole number from 1 to 1000000.
   *
   * @default 10000
   */
  readonly maxNames?: number | undefined;
}

/**
 * How sessions are resumed; `off`: every connection begins with a full handshake.
 *
 * The section `listeners[].tls.tickets`.
 *
 * @example
 * ```ts
 * import type { ListenerTlsTicketsInput } from "millrace";
 *
 * const listenerTlsTickets: ListenerTlsTicketsInput = { lifetime: "6h", secret: "tickets.key" };
 * ```
 */
export interface ListenerTlsTicketsInput {
  /**
   * How long a client may resume its session by a ticket at most. The keys change that often, in all threads and
   * instances at once. With client certificates, one hour at most.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "12h"
   */
  readonly lifetime?: string | undefined;
  /**
   * A file with at least 32 random bytes, which the keys follow from; instances that share it resume each other's
   * sessions.
   *
   * Danger: who has read it can decrypt recorded sessions that were resumed by tickets: replace it now and then.
   *
   * @default made at the start
   */
  readonly secret?: string | undefined;
}

/**
 * Another listener, for plain HTTP, which sends clients here: `":80"`, or a section. Routes do not hold there, but for
 * clients that came by HTTPS to a load balancer in `trustedProxies`, which says so in `X-Forwarded-Proto` or
 * `Forwarded`: they would be sent in a circle. Limits and timeouts are those of this listener.
 *
 * The section `listeners[].tls.redirect`.
 *
 * @example
 * ```ts
 * import type { ListenerTlsRedirectInput } from "millrace";
 *
 * const listenerTlsRedirect: ListenerTlsRedirectInput = { address: ":80", port: 443 };
 * ```
 */
export interface ListenerTlsRedirectInput {
  /** Where plain HTTP is taken. */
  readonly address: string | SocketInput;
  /**
   * The port of HTTPS as clients see it, if it is not the listener's: behind a port that is mapped.
   *
   * A whole number from 1 to 65535.
   *
   * @default the listener's
   */
  readonly port?: number | undefined;
  /**
   * 301, 302, 307 or 308; `auto` is 301 for GET and HEAD, and 308, which keeps method and body, for others.
   *
   * `auto` or status.
   *
   * @default "auto"
   */
  readonly status?: "auto" | 301 | 302 | 307 | 308 | undefined;
}

/**
 * Tells browsers to come by HTTPS only (Strict-Transport-Security, RFC 6797): `on` for a year, a duration such as
 * `30d`, or a section. What an endpoint says of it stands.
 *
 * The section `listeners[].tls.hsts`.
 *
 * @example
 * ```ts
 * import type { ListenerTlsHstsInput } from "millrace";
 *
 * const listenerTlsHsts: ListenerTlsHstsInput = { maxAge: "730d", includeSubdomains: true };
 * ```
 */
export interface ListenerTlsHstsInput {
  /**
   * How long a browser that was here comes by HTTPS only. `0s` takes it back.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * Danger: for that long nobody who was here can come without TLS, nor past a certificate that does not hold.
   *
   * @default "365d"
   */
  readonly maxAge?: string | undefined;
  /**
   * The same for all names below this one.
   *
   * @default false
   */
  readonly includeSubdomains?: boolean | undefined;
  /**
   * The site may be put on the list that browsers ship. Needs a year, and `includeSubdomains`.
   *
   * @default false
   */
  readonly preload?: boolean | undefined;
}

/**
 * Which requests go where: by priority, then specificity, then order. A request that no route takes is answered with
 * 404.
 *
 * An item of `routes`.
 *
 * @example
 * ```ts
 * import type { RouteInput } from "millrace";
 *
 * const route: RouteInput = { name: "api", upstream: "api" };
 * ```
 */
export interface RouteInput {
  /**
   * How logs and metrics call this route.
   *
   * @default route-1, route-2, … by position
   */
  readonly name?: string | undefined;
  /**
   * Routes of higher priority are looked at first; among equals the more specific route wins, then the earlier one.
   *
   * A whole number from -1000000 to 1000000.
   *
   * @default 0
   */
  readonly priority?: number | undefined;
  /** Which requests this route takes: all that is written here must be true. Everything by default. */
  readonly match?: RouteMatchInput | undefined;
  /**
   * What happens to requests and answers on the way, in this order. Each item has one key.
   *
   * @default []
   */
  readonly middlewares?: readonly MiddlewareInput[] | undefined;
  /** How long exchanges may take. */
  readonly timeouts?: RouteTimeoutsInput | undefined;
  /**
   * The protocols that clients may switch to (`Upgrade`), each with its version if it has one: `websocket`, `tcp`
   * (docker), `spdy/3.1` (kubectl). Of other requests the field is removed. WebSocket is asked for by a GET, others by
   * any method, also with a body. An endpoint that switches to something else is a bad gateway (502).
   *
   * List of protocols.
   *
   * Danger: in a tunnel nothing is looked at: the endpoint must take it for what was asked for. `h2c` is never let
   * through.
   *
   * @default ["websocket"]
   */
  readonly upgrade?: string | readonly string[] | undefined;
  /**
   * Who goes first when `overload.maxEventLoopLag` is reached: `early` routes from half of it, `normal` ones above it,
   * `never` is for what must get through, such as health checks.
   *
   * @default "normal"
   */
  readonly shed?: "early" | "normal" | "never" | undefined;
  /** The upstream that answers. A route has exactly one of `upstream`, `redirect` and `respond`. */
  readonly upstream?: string | undefined;
  /** Answers with a redirection. */
  readonly redirect?: RouteRedirectInput | undefined;
  /** Answers with a fixed text. */
  readonly respond?: RouteRespondInput | undefined;
}

/**
 * Which requests this route takes: all that is written here must be true. Everything by default.
 *
 * The section `routes[].match`.
 *
 * @example
 * ```ts
 * import type { RouteMatchInput } from "millrace";
 *
 * const routeMatch: RouteMatchInput = { host: ["example.com", "*.example.com"], path: "/v1/*" };
 * ```
 */
export interface RouteMatchInput {
  /**
   * The listeners, by name, or by address if they have none. A listener with `mode: tcp` takes only routes that have
   * this or `sni`.
   *
   * Listener or list.
   *
   * @default any
   */
  readonly listener?: string | readonly string[] | undefined;
  /**
   * For listeners with `mode: tcp`: the server names that the client's TLS asks for, as in `host`; `*` is any name.
   * Without `tls` at the listener, TLS is not terminated: the ClientHello is read and passed on with all that follows.
   * Whoever does not begin with one is refused, by all routes of the listener.
   *
   * Host or list.
   *
   * @default any, and none
   */
  readonly sni?: string | readonly string[] | undefined;
  /**
   * The hosts: exact, or `*.example.com` for one or more labels in front. Without port; case does not matter.
   *
   * Host or list.
   *
   * @default any
   */
  readonly host?: string | readonly string[] | undefined;
  /**
   * The path: `/x` exactly, or `/v1/*` for `/v1` and everything below it.
   *
   * @default "/*"
   */
  readonly path?: string | undefined;
  /**
   * The methods.
   *
   * Method or list.
   *
   * @default any
   */
  readonly method?: string | readonly string[] | undefined;
  /**
   * Header fields that must have exactly this value; `"*"` only asks that the field is there. Fields are seen as the
   * endpoint will see them: trust fields such as `x-real-ip` only from `trustedProxies`, none that `Connection` takes
   * away.
   */
  readonly header?: { readonly [name: string]: string } | undefined;
  /** Query parameters that must have exactly this value; `"*"` only asks that the parameter is there. */
  readonly query?: { readonly [name: string]: string } | undefined;
  /** Cookies that must have exactly this value; `"*"` only asks that the cookie is there. */
  readonly cookie?: { readonly [name: string]: string } | undefined;
  /**
   * The networks the client is in. Behind other proxies this needs the listener's `trustedProxies`.
   *
   * Network or list.
   *
   * @default any
   */
  readonly clientIp?: string | readonly string[] | undefined;
}

/**
 * The middlewares by key: what one item of a route's `middlewares` may hold.
 *
 * @example
 * ```ts
 * import type { MiddlewareKinds } from "millrace";
 *
 * const kind: keyof MiddlewareKinds = "rateLimit";
 * ```
 */
export interface MiddlewareKinds {
  /** Sets, adds and removes header fields. */
  readonly headers: HeadersInput;
  /** Changes the path that goes upstream. */
  readonly rewrite: RewriteInput;
  /** Answers 429 to whoever asks too often, before the body is read. */
  readonly rateLimit: RateLimitInput;
  /** Refuses long request bodies with 413 while they are streamed. */
  readonly bodyLimit: BodyLimitInput;
  /**
   * Reads the whole request body before an endpoint is chosen, so that a slow client occupies none and every attempt
   * can send it again.
   */
  readonly buffer: BufferInput;
  /** Stores answers and answers from what is stored, as a shared cache (RFC 9111). */
  readonly cache: CacheInput;
  /** Compresses answers with zstd, brotli or gzip, for clients that accept it. */
  readonly compress: CompressInput;
  /** Decodes compressed answers for clients that do not accept their coding. */
  readonly decompress: DecompressInput;
  /** Makes some requests slow or fail on purpose, to rehearse. */
  readonly fault: FaultInput;
}

/**
 * What happens to requests and answers on the way: a section with exactly one of the keys of `MiddlewareKinds`.
 *
 * @example
 * ```ts
 * import type { MiddlewareInput } from "millrace";
 *
 * const middleware: MiddlewareInput = { rateLimit: { rate: "100/s", burst: 200 } };
 * ```
 */
export type MiddlewareInput = {
  [Kind in keyof MiddlewareKinds]: Pick<MiddlewareKinds, Kind> & {
    readonly [Other in Exclude<keyof MiddlewareKinds, Kind>]?: undefined;
  };
}[keyof MiddlewareKinds];

/**
 * Sets, adds and removes header fields.
 *
 * The section `routes[].middlewares[].headers`.
 *
 * @example
 * ```ts
 * import type { HeadersInput } from "millrace";
 *
 * const headers: HeadersInput = { request: { set: { "x-env": "prod" } }, response: { remove: ["server"] } };
 * ```
 */
export interface HeadersInput {
  /** Changes to the request as the endpoint sees it. */
  readonly request?: HeadersRequestInput | undefined;
  /** Changes to the answer as the client sees it, unless a middleware that stands before this one has given it. */
  readonly response?: HeadersResponseInput | undefined;
}

/**
 * Changes to the request as the endpoint sees it.
 *
 * The section `routes[].middlewares[].headers.request`.
 *
 * @example
 * ```ts
 * import type { HeadersRequestInput } from "millrace";
 *
 * const headersRequest: HeadersRequestInput = { set: { "x-env": "prod" } };
 * ```
 */
export interface HeadersRequestInput {
  /** Fields that are there afterwards with exactly this value. */
  readonly set?: { readonly [name: string]: string } | undefined;
  /** Fields that are added to those of the same name. */
  readonly add?: { readonly [name: string]: string } | undefined;
  /**
   * Fields that are not there afterwards. Removal comes before `set` and `add`. Trailers of these names, and of those
   * in `set`, go as well.
   *
   * List of fields.
   *
   * @default []
   */
  readonly remove?: string | readonly string[] | undefined;
}

/**
 * Changes to the answer as the client sees it, unless a middleware that stands before this one has given it.
 *
 * The section `routes[].middlewares[].headers.response`.
 *
 * @example
 * ```ts
 * import type { HeadersResponseInput } from "millrace";
 *
 * const headersResponse: HeadersResponseInput = { remove: ["server"] };
 * ```
 */
export interface HeadersResponseInput {
  /** Fields that are there afterwards with exactly this value. */
  readonly set?: { readonly [name: string]: string } | undefined;
  /** Fields that are added to those of the same name. */
  readonly add?: { readonly [name: string]: string } | undefined;
  /**
   * Fields that are not there afterwards. Removal comes before `set` and `add`. Trailers of these names, and of those
   * in `set`, go as well.
   *
   * List of fields.
   *
   * @default []
   */
  readonly remove?: string | readonly string[] | undefined;
  /**
   * Which answers are changed. `always`: whoever gives them, also our own (`respond`, redirects, 429, 502) and interim
   * ones (101, 103). `upstream`: those of endpoints alone.
   *
   * @default "always"
   */
  readonly when?: "always" | "upstream" | undefined;
}

/**
 * Changes the path that goes upstream.
 *
 * The section `routes[].middlewares[].rewrite`.
 *
 * @example
 * ```ts
 * import type { RewriteInput } from "millrace";
 *
 * const rewrite: RewriteInput = { stripPrefix: "/v1" };
 * ```
 */
export interface RewriteInput {
  /**
   * A prefix that is taken off the path, at a segment boundary; what was taken off goes upstream as
   * `X-Forwarded-Prefix`.
   */
  readonly stripPrefix?: string | undefined;
  /** A prefix that is put in front of the path, after `stripPrefix`. */
  readonly addPrefix?: string | undefined;
  /** The whole new path; the query stays. */
  readonly replacePath?: string | undefined;
}

/**
 * Answers 429 to whoever asks too often, before the body is read.
 *
 * The section `routes[].middlewares[].rateLimit`.
 *
 * @example
 * ```ts
 * import type { RateLimitInput } from "millrace";
 *
 * const rateLimit: RateLimitInput = { rate: "100/s", burst: 200, key: "clientIp" };
 * ```
 */
export interface RateLimitInput {
  /**
   * How many requests each key may make on average: `100/s`, `5/m`, `10/250ms`. They are spread evenly; how many may
   * come at once is `burst`.
   */
  readonly rate: string;
  /**
   * How answers call this limit, and where its counts are kept: limits of the same name count together, on whatever
   * route they are. Give those the same rate.
   *
   * @default the route's name, with a number from its second limit on
   */
  readonly name?: string | undefined;
  /**
   * How many requests may come at once after a pause.
   *
   * @default the count of `rate`
   */
  readonly burst?: number | undefined;
  /**
   * Whose requests are counted together: `clientIp` (IPv6 by its /64), `header:NAME`, `cookie:NAME`, `route` (everybody
   * on this route), `listener` (everybody on a listener; with one `name` for the limits of all its routes). Requests
   * without that header or cookie, and those of clients without an address (on a Unix socket whose peer is not
   * trusted), share one count.
   *
   * Danger: a header or cookie is the client's to choose: whoever sends another value each time is never limited.
   *
   * @default "clientIp"
   */
  readonly key?: string | undefined;
  /**
   * Where the counts are: `local`, exact over all threads of this process, or the name of one of `stores`, shared with
   * other instances: exact in Redis, on average over etcd and Consul.
   *
   * @default "local"
   */
  readonly store?: string | undefined;
  /**
   * What happens while the store does not answer in time: `open` lets requests pass (over etcd and Consul: as far as
   * this instance counts by itself), `closed` refuses them.
   *
   * @default "open"
   */
  readonly onStoreFailure?: "open" | "closed" | undefined;
  /**
   * Only count what would be refused (`millrace_rate_limited_total{mode="dry-run"}`); requests and answers stay
   * untouched.
   *
   * @default false
   */
  readonly dryRun?: boolean | undefined;
  /**
   * For how many keys at a time a local limit keeps a count, at 16 bytes each. Beyond it a new key takes over the count
   * of the least busy one.
   *
   * A whole number from 1024 to 16777216.
   *
   * @default 65536
   */
  readonly maxKeys?: number | undefined;
}

/**
 * Refuses long request bodies with 413 while they are streamed.
 *
 * The section `routes[].middlewares[].bodyLimit`.
 *
 * @example
 * ```ts
 * import type { BodyLimitInput } from "millrace";
 *
 * const bodyLimit: BodyLimitInput = { maxRequestBytes: "1MiB" };
 * ```
 */
export interface BodyLimitInput {
  /**
   * The longest request body of this route; 413 above it, at once if `Content-Length` says so. Bodies are streamed, not
   * held.
   *
   * A size: a number of bytes, or text with a unit, such as `"16KiB"` or `"1MB"`.
   *
   * @default "1MiB"
   */
  readonly maxRequestBytes?: string | number | undefined;
}

/**
 * Reads the whole request body before an endpoint is chosen, so that a slow client occupies none and every attempt can
 * send it again.
 *
 * The section `routes[].middlewares[].buffer`.
 *
 * @example
 * ```ts
 * import type { BufferInput } from "millrace";
 *
 * const buffer: BufferInput = { maxRequestBytes: "1MiB" };
 * ```
 */
export interface BufferInput {
  /**
   * The longest request body; 413 above it, at once if `Content-Length` says so.
   *
   * A size: a number of bytes, or text with a unit, such as `"16KiB"` or `"1MB"`.
   *
   * Danger: so much may lie in the system's temporary folder for every connection.
   *
   * @default "1MiB"
   */
  readonly maxRequestBytes?: string | number | undefined;
  /**
   * So much of a body is held in memory; the rest goes into a temporary file that nobody else can open. All bodies in
   * memory together take at most 128 MiB; beyond that everything goes into the file.
   *
   * A size: a number of bytes, or text with a unit, such as `"16KiB"` or `"1MB"`.
   *
   * @default "64KiB"
   */
  readonly memoryBytes?: string | number | undefined;
}

/**
 * Stores answers and answers from what is stored, as a shared cache (RFC 9111).
 *
 * The section `routes[].middlewares[].cache`.
 *
 * @example
 * ```ts
 * import type { CacheInput } from "millrace";
 *
 * const cache: CacheInput = { store: "memory", maxBytes: "1GiB", staleIfError: "1h" };
 * ```
 */
export interface CacheInput {
  /**
   * Where answers are kept: `memory`, shared by all threads of this process and all routes that write so, or the name
   * of one of `stores`.
   *
   * @default "memory"
   */
  readonly store?: string | undefined;
  /**
   * How much memory `store: memory` may take, with all that belongs to the answers. It is one store for all routes: the
   * largest size that is written counts.
   *
   * A size: a number of bytes, or text with a unit, such as `"16KiB"` or `"1MB"`.
   *
   * @default "256MiB"
   */
  readonly maxBytes?: string | number | undefined;
  /**
   * The longest body that is stored, unless the store takes only shorter ones.
   *
   * A size: a number of bytes, or text with a unit, such as `"16KiB"` or `"1MB"`.
   *
   * @default "16MiB"
   */
  readonly maxObjectBytes?: string | number | undefined;
  /**
   * What tells answers apart, beside the route, the scheme, the host, the path and the query. These are taken byte by
   * byte as they are sent to the endpoint.
   */
  readonly key?: CacheKeyInput | undefined;
  /**
   * Fields of the answer whose words are its tags: all answers with a tag can be purged at once.
   *
   * List of field names.
   *
   * @default ["Cache-Tag","Surrogate-Key"]
   */
  readonly tags?: string | readonly string[] | undefined;
  /**
   * How long a stale answer is used while a new one is fetched behind it, if the answer says nothing about that
   * (`stale-while-revalidate`).
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: not at all.
   *
   * @default "0s"
   */
  readonly staleWhileRevalidate?: string | undefined;
  /**
   * How long a stale answer is used while the upstream fails, if the answer says nothing about that (`stale-if-error`).
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: not at all.
   *
   * @default "0s"
   */
  readonly staleIfError?: string | undefined;
  /**
   * Stores answers that do not say how long they are fresh, if they say when they were modified last (RFC 9111 section
   * 4.2.2).
   *
   * Danger: what nobody has thought of as cacheable is stored.
   *
   * @default off: only what says so is stored
   */
  readonly heuristics?: boolean | "on" | "off" | CacheHeuristicsInput | undefined;
  /**
   * How long answers of these statuses are stored if they say nothing about it: `{ 404: 10s }`. Never 206, 304 and what
   * is about one request alone, such as 400 or 429.
   */
  readonly negative?: { readonly [name: string]: string } | undefined;
  /**
   * Also stores answers that set a cookie.
   *
   * Danger: everybody gets the cookie that the first client was given.
   *
   * @default false
   */
  readonly allowSetCookie?: boolean | undefined;
  /**
   * Also stores answers to requests with `Authorization` that do not say that they are for everybody (`public`,
   * `s-maxage`, `must-revalidate`).
   *
   * Danger: everybody gets what one user may see, unless `key.headers` names `authorization`.
   *
   * @default false
   */
  readonly allowAuthorization?: boolean | undefined;
  /**
   * Lets requests for the same thing wait for the first of them, so that the upstream gets one.
   *
   * @default true
   */
  readonly collapse?: boolean | "on" | "off" | CacheCollapseInput | undefined;
  /**
   * How long it is remembered that an answer cannot be stored: requests for it do not wait for each other meanwhile.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: not at all.
   *
   * @default "120s"
   */
  readonly hitForMiss?: string | undefined;
  /**
   * Whether `Cache-Control` and `Pragma` of requests count (RFC 9111 section 5.2.1), as browsers send them with a
   * forced reload.
   *
   * Danger: with `honor` every client can make the cache ask the upstream; `ignore` takes the load off it.
   *
   * @default "honor"
   */
  readonly requestDirectives?: "honor" | "ignore" | undefined;
  /**
   * Says in answers what the cache did, in `Cache-Status` (RFC 9211).
   *
   * @default true
   */
  readonly statusField?: boolean | undefined;
}

/**
 * What tells answers apart, beside the route, the scheme, the host, the path and the query. These are taken byte by
 * byte as they are sent to the endpoint.
 *
 * The section `routes[].middlewares[].cache.key`.
 *
 * @example
 * ```ts
 * import type { CacheKeyInput } from "millrace";
 *
 * const cacheKey: CacheKeyInput = { ignoreQuery: ["utm_*"], headers: ["x-site"], cookies: ["language"] };
 * ```
 */
export interface CacheKeyInput {
  /**
   * Parameters of the query that make no difference, such as `utm_*`; a `*` at the end stands for any rest. They are
   * neither part of the key nor sent to the endpoint with a request that fills the cache. Names are compared byte by
   * byte, as they are written in the request.
   *
   * List of names.
   *
   * @default []
   */
  readonly ignoreQuery?: string | readonly string[] | undefined;
  /**
   * The only parameters of the query that make a difference, with a `*` at the end as above; all others are treated as
   * those of `ignoreQuery`. An empty list: none does.
   *
   * List of names.
   *
   * Danger: a parameter that changes the answer and is not listed does not reach the endpoint any more.
   *
   * @default all of them
   */
  readonly query?: string | readonly string[] | undefined;
  /**
   * Fields of the request that tell answers apart although the answers do not say so by `Vary`. They are read as the
   * endpoint would see them.
   *
   * List of field names.
   *
   * Danger: every value is stored apart: a field with many values, such as `User-Agent`, empties the cache.
   *
   * @default []
   */
  readonly headers?: string | readonly string[] | undefined;
  /**
   * Cookies that tell answers apart, such as that of the language. All cookies go to the endpoint.
   *
   * List of cookie names.
   *
   * @default []
   */
  readonly cookies?: string | readonly string[] | undefined;
}

/**
 * Stores answers that do not say how long they are fresh, if they say when they were modified last (RFC 9111 section
 * 4.2.2).
 *
 * The section `routes[].middlewares[].cache.heuristics`.
 *
 * @example
 * ```ts
 * import type { CacheHeuristicsInput } from "millrace";
 *
 * const cacheHeuristics: CacheHeuristicsInput = { fraction: "10%", max: "1d" };
 * ```
 */
export interface CacheHeuristicsInput {
  /**
   * The share of its age, since `Last-Modified`, that an answer stays fresh.
   *
   * A percentage, such as `"20%"`.
   *
   * @default "10%"
   */
  readonly fraction?: string | undefined;
  /**
   * The longest time that an answer stays fresh like this.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "1d"
   */
  readonly max?: string | undefined;
}

/**
 * Lets requests for the same thing wait for the first of them, so that the upstream gets one.
 *
 * The section `routes[].middlewares[].cache.collapse`.
 *
 * @example
 * ```ts
 * import type { CacheCollapseInput } from "millrace";
 *
 * const cacheCollapse: CacheCollapseInput = { timeout: "5s" };
 * ```
 */
export interface CacheCollapseInput {
  /**
   * How long a request waits for another one before it goes to the upstream itself.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "5s"
   */
  readonly timeout?: string | undefined;
}

/**
 * Compresses answers with zstd, brotli or gzip, for clients that accept it.
 *
 * The section `routes[].middlewares[].compress`.
 *
 * @example
 * ```ts
 * import type { CompressInput } from "millrace";
 *
 * const compress: CompressInput = { codings: ["zstd", "br", "gzip"], minBytes: "1KiB" };
 * ```
 */
export interface CompressInput {
  /**
   * The codings on offer: `zstd`, `br` (brotli), `gzip`. The client's weights in `Accept-Encoding` decide, and among
   * equals the first of this list.
   *
   * List of codings.
   *
   * Danger: a page that holds a secret (a token against CSRF, for instance) and repeats what the request says can be
   * made to tell the secret by its compressed length (BREACH). Leave `compress` off the routes of such pages, or change
   * the secret's bytes with every answer.
   *
   * @default ["zstd","br","gzip"]
   */
  readonly codings?: readonly ("zstd" | "br" | "gzip")[] | undefined;
  /**
   * Shorter answers are sent as they are. Of an answer whose length is not known, so much is waited for, but no longer
   * than the endpoint goes on sending.
   *
   * A size: a number of bytes, or text with a unit, such as `"16KiB"` or `"1MB"`.
   *
   * @default "1KiB"
   */
  readonly minBytes?: string | number | undefined;
  /**
   * The media types that are compressed: `text/html`, `text/*`, or `+json` for all with that suffix. gRPC never is. The
   * default is what text there is, WebAssembly, and fonts and pictures that are not compressed by themselves.
   *
   * List of media types.
   *
   * @default
   * ["text/*","+json","+xml","+yaml","application/json","application/json5","application/jsonl","application/ndjson","application/x-ndjson","application/javascript","application/x-javascript","application/ecmascript","application/xml","application/xml-dtd","application/yaml","application/toml","application/graphql","application/sql","application/rtf","application/wasm","application/x-httpd-php","application/x-sh","application/vnd.ms-fontobject","application/x-font-ttf","application/x-font-otf","font/ttf","font/otf","font/sfnt","font/collection","image/bmp","image/x-icon","image/vnd.microsoft.icon","message/rfc822"]
   */
  readonly types?: readonly string[] | undefined;
  /**
   * How hard each coding tries.
   *
   * Danger: above zstd 5, brotli 5 and gzip 6 a byte saved costs many times as much: brotli 11 takes a hundred times as
   * long as brotli 4, and six times the memory.
   */
  readonly levels?: CompressLevelsInput | undefined;
  /**
   * How many answers may be compressed at a time, over all threads and routes; one more is sent as it is, and counted
   * (`millrace_compress_skipped_total`). Each takes 0.4 to 3 MiB from its head to its end: an event stream for as long
   * as its client listens. Short answers that come whole take no place.
   *
   * A whole number from 1 to 1000000.
   *
   * @default 256
   */
  readonly maxEncoders?: number | undefined;
}

/**
 * How hard each coding tries.
 *
 * The section `routes[].middlewares[].compress.levels`.
 *
 * @example
 * ```ts
 * import type { CompressLevelsInput } from "millrace";
 *
 * const compressLevels: CompressLevelsInput = { br: 4 };
 * ```
 */
export interface CompressLevelsInput {
  /**
   * The level of zstd.
   *
   * A whole number from 1 to 19.
   *
   * @default 3
   */
  readonly zstd?: number | undefined;
  /**
   * The quality of brotli.
   *
   * A whole number from 0 to 11.
   *
   * @default 4
   */
  readonly br?: number | undefined;
  /**
   * The level of gzip.
   *
   * A whole number from 1 to 9.
   *
   * @default 5
   */
  readonly gzip?: number | undefined;
}

/**
 * Decodes compressed answers for clients that do not accept their coding.
 *
 * The section `routes[].middlewares[].decompress`.
 *
 * @example
 * ```ts
 * import type { DecompressInput } from "millrace";
 *
 * const decompress: DecompressInput = { maxRatio: 200 };
 * ```
 */
export interface DecompressInput {
  /**
   * How many times as long as the endpoint's answer a decoded one may be, beyond its first MiB; it breaks off then
   * (`UPSTREAM_BAD_CODING`). Text seldom reaches 50.
   *
   * A whole number from 1 to 1000000.
   *
   * Danger: an endpoint that is not trusted can make a hundred bytes into gigabytes for the client's connection.
   *
   * @default 200
   */
  readonly maxRatio?: number | undefined;
  /**
   * How many answers may be decoded at a time, over all threads and routes; one more is answered 503 (`OVERLOADED`).
   * Each takes as much memory as its endpoint has chosen: mostly less than 1 MiB, at most 16.
   *
   * A whole number from 1 to 1000000.
   *
   * @default 128
   */
  readonly maxDecoders?: number | undefined;
}

/**
 * Makes some requests slow or fail on purpose, to rehearse.
 *
 * The section `routes[].middlewares[].fault`.
 *
 * @example
 * ```ts
 * import type { FaultInput } from "millrace";
 *
 * const fault: FaultInput = {
 *   delay: { percent: 5, duration: "200ms" },
 *   abort: { percent: 1, status: 503 },
 *   bandwidth: { percent: 1, bytesPerSecond: "64KiB" },
 * };
 * ```
 */
export interface FaultInput {
  /** Holds requests for a while. */
  readonly delay?: FaultDelayInput | undefined;
  /** Answers in place of the endpoint. */
  readonly abort?: FaultAbortInput | undefined;
  /** Sends answers slowly. */
  readonly bandwidth?: FaultBandwidthInput | undefined;
}

/**
 * Holds requests for a while.
 *
 * The section `routes[].middlewares[].fault.delay`.
 *
 * @example
 * ```ts
 * import type { FaultDelayInput } from "millrace";
 *
 * const faultDelay: FaultDelayInput = { percent: 5, duration: "200ms" };
 * ```
 */
export interface FaultDelayInput {
  /**
   * The share of requests that it happens to, each by its own chance.
   *
   * A percentage, such as `"20%"`.
   *
   * @default "100%"
   */
  readonly percent?: number | string | undefined;
  /**
   * How long the request is held before it goes on.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "1s"
   */
  readonly duration?: string | undefined;
}

/**
 * Answers in place of the endpoint.
 *
 * The section `routes[].middlewares[].fault.abort`.
 *
 * @example
 * ```ts
 * import type { FaultAbortInput } from "millrace";
 *
 * const faultAbort: FaultAbortInput = { percent: 1, status: 503 };
 * ```
 */
export interface FaultAbortInput {
  /**
   * The share of requests that it happens to, each by its own chance.
   *
   * A percentage, such as `"20%"`.
   *
   * @default "100%"
   */
  readonly percent?: number | string | undefined;
  /**
   * The status of the answer.
   *
   * A whole number from 400 to 599.
   *
   * @default 503
   */
  readonly status?: number | undefined;
}

/**
 * Sends answers slowly.
 *
 * The section `routes[].middlewares[].fault.bandwidth`.
 *
 * @example
 * ```ts
 * import type { FaultBandwidthInput } from "millrace";
 *
 * const faultBandwidth: FaultBandwidthInput = { percent: 1, bytesPerSecond: "64KiB" };
 * ```
 */
export interface FaultBandwidthInput {
  /**
   * The share of requests that it happens to, each by its own chance.
   *
   * A percentage, such as `"20%"`.
   *
   * @default "100%"
   */
  readonly percent?: number | string | undefined;
  /**
   * How fast the answer's body is sent.
   *
   * A size: a number of bytes, or text with a unit, such as `"16KiB"` or `"1MB"`.
   *
   * @default "64KiB"
   */
  readonly bytesPerSecond?: string | number | undefined;
}

/**
 * How long exchanges may take.
 *
 * The section `routes[].timeouts`.
 *
 * @example
 * ```ts
 * import type { RouteTimeoutsInput } from "millrace";
 *
 * const routeTimeouts: RouteTimeoutsInput = { total: "30s", firstByte: "10s" };
 * ```
 */
export interface RouteTimeoutsInput {
  /**
   * How long an exchange may take as a whole, waiting and retries included; 504 after it. Tunnels are free of it.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: no limit.
   *
   * @default "0s"
   */
  readonly total?: string | undefined;
  /**
   * How long an endpoint may take for the first byte of its answer.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: no limit.
   *
   * @default the upstream's
   */
  readonly firstByte?: string | undefined;
  /**
   * The longest pause in an answer. Event streams (`text/event-stream`), gRPC and tunnels are given an hour in any
   * case.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: no limit.
   *
   * @default the upstream's
   */
  readonly idle?: string | undefined;
}

/**
 * Answers with a redirection.
 *
 * The section `routes[].redirect`.
 *
 * @example
 * ```ts
 * import type { RouteRedirectInput } from "millrace";
 *
 * const routeRedirect: RouteRedirectInput = { to: "https://example.com{path}", status: 308 };
 * ```
 */
export interface RouteRedirectInput {
  /**
   * Where to. Placeholders: `{scheme}`, `{host}` (without port), `{path}`, `{query}` (with its `?`, or nothing),
   * `{uri}` (path and query).
   */
  readonly to: string;
  /**
   * 301 and 302 let clients turn POST into GET, 303 makes them, 307 and 308 keep the method; 301 and 308 are
   * remembered.
   *
   * @default 308
   */
  readonly status?: 301 | 302 | 303 | 307 | 308 | undefined;
}

/**
 * Answers with a fixed text.
 *
 * The section `routes[].respond`.
 *
 * @example
 * ```ts
 * import type { RouteRespondInput } from "millrace";
 *
 * const routeRespond: RouteRespondInput = { status: 200, body: "pong" };
 * ```
 */
export interface RouteRespondInput {
  /**
   * The status.
   *
   * A whole number from 200 to 599.
   *
   * @default 200
   */
  readonly status?: number | undefined;
  /**
   * The body, sent as UTF-8.
   *
   * @default ""
   */
  readonly body?: string | undefined;
  /**
   * The `Content-Type` field, if there is a body.
   *
   * @default "text/plain; charset=utf-8"
   */
  readonly contentType?: string | undefined;
  /** Further fields of the answer. */
  readonly headers?: { readonly [name: string]: string } | undefined;
}

/**
 * The groups of endpoints that routes send requests to.
 *
 * An entry of `upstreams`, by its name.
 *
 * @example
 * ```ts
 * import type { UpstreamInput } from "millrace";
 *
 * const upstream: UpstreamInput = {
 *   endpoints: ["http://10.0.0.1:8081", { url: "http://10.0.0.2:8081", weight: 5, zone: "eu-1a" }],
 * };
 * ```
 */
export interface UpstreamInput {
  /**
   * The addresses that serve this upstream: URLs, or sections if an endpoint has more to say. Beside `discovery` they
   * are part of the list, whatever it finds.
   *
   * List of endpoints.
   *
   * @default none, if there is `discovery`
   */
  readonly endpoints?: readonly (string | EndpointInput)[] | undefined;
  /**
   * Where endpoints are found while the proxy runs: they come, change their weight and go without a reload. See the
   * guide on discovery.
   *
   * @default none
   */
  readonly discovery?: UpstreamDiscoveryInput | undefined;
  /**
   * How an endpoint is picked. `round-robin`: in turn, smoothly by weight; `least-connections`: the fewest requests in
   * flight by weight; `random`: by weight; `power-of-two`: the less loaded of two random ones; `peak-ewma`: the one of
   * two random ones that promises the earlier answer, by latency and load; `ip-hash`: the same client address gets the
   * same endpoint; `{ ringHash: ... }` and `{ maglev: ... }`: the same key gets the same endpoint.
   *
   * Name or section.
   *
   * @default "round-robin"
   */
  readonly balance?:
    | "round-robin"
    | "least-connections"
    | "random"
    | "power-of-two"
    | "peak-ewma"
    | "ip-hash"
    | HashBalanceInput
    | undefined;
  /**
   * Sticky sessions: a client goes back to the endpoint that has served it. One that drains or has weight 0 keeps its
   * clients and gets no new ones; from one that is gone or fails, clients move to another for good.
   *
   * @default off
   */
  readonly sticky?: false | "off" | UpstreamStickyInput | undefined;
  /**
   * How long an endpoint that becomes healthy again, is enabled or is added by a reload takes from a tenth of its
   * weight to all of it. Not at the start of the proxy, not if all are new, and not with a hash.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: full weight at once.
   *
   * @default "0s"
   */
  readonly slowStart?: string | undefined;
  /**
   * Panic: if fewer of the endpoints pass their checks than this, all that answer them at all are used, so that the few
   * that are left are not overrun and a broken check stops nobody. Drained endpoints stay out of it, and upstreams of
   * fewer than four endpoints never panic.
   *
   * A percentage, such as `"20%"`. Zero: never.
   *
   * @default "50%"
   */
  readonly panicThreshold?: string | undefined;
  /**
   * Requests stay in this instance's `zone` while at least this part of the endpoints there (by weight) is available;
   * else all zones share them.
   *
   * A percentage, such as `"20%"`. Zero: while one is.
   *
   * @default "70%"
   */
  readonly zoneThreshold?: string | undefined;
  /**
   * Active health checks. `{}` switches them on with their defaults; without this section endpoints are always taken
   * for healthy.
   *
   * @default off
   */
  readonly health?: boolean | "on" | "off" | UpstreamHealthInput | undefined;
  /**
   * Passive health checks: an endpoint that fails requests is sent no new ones for a while. It returns when its time is
   * over, or when an active health check passes (if traffic has it ejected again soon after: only when one passes that
   * had failed). `false` switches this off.
   *
   * @default on
   */
  readonly outlier?: boolean | UpstreamOutlierInput | undefined;
  /**
   * Circuit breaker: when too large a share of the attempts fails, requests are refused at once for a while (503 with
   * `Retry-After`), then let through again bit by bit. There are no retries while it is not closed.
   *
   * @default off
   */
  readonly breaker?: boolean | "on" | "off" | UpstreamBreakerInput | undefined;
  /**
   * Retries, each on another endpoint after a short random pause. A request that died on a *reused* connection before
   * any byte of the answer is sent again in any case if that is harmless.
   */
  readonly retry?: UpstreamRetryInput | undefined;
  /** How many requests the upstream is given at a time. What is too much waits in a queue, for a while. */
  readonly limits?: UpstreamLimitsInput | undefined;
  /**
   * Hedging: if an answer is slow to come, another endpoint is asked as well, and the first answer is taken. Only GET,
   * HEAD and OPTIONS without a body, once for each request, out of the retry budget.
   *
   * @default off
   */
  readonly hedge?: boolean | "on" | "off" | UpstreamHedgeInput | undefined;
  /** The connections kept open to each endpoint. */
  readonly pool?: UpstreamPoolInput | undefined;
  /** How long endpoints may take. */
  readonly timeouts?: UpstreamTimeoutsInput | undefined;
  /**
   * Take answers that are malformed, from endpoints that cannot be mended: chunked in HTTP/1.0, line feeds alone as
   * line ends, folded lines, control characters in values and reason phrases. Clients are sent them in strict form;
   * requests of clients are never read so. See the guide on endpoint failures.
   *
   * Danger: if this proxy and something in front of the endpoint read such an answer differently, one client may get
   * what is meant for another, or fields that somebody smuggled in. Connections are not used again after such an
   * answer.
   *
   * @default false
   */
  readonly lenient?: boolean | undefined;
  /**
   * Adds the proxy to the `Via` field of requests. nginx as an endpoint does not compress for requests that have one
   * (`gzip_proxied off`): `false` leaves it as it came, and `headers.request.remove: [via]` takes it away altogether.
   * Loops are answered with 508 all the same: the proxy's name then stands in `CDN-Loop` (RFC 8586).
   *
   * @default true
   */
  readonly via?: boolean | undefined;
  /**
   * The version of the PROXY header that is sent first on each connection, and tells the endpoint the address of the
   * client. Then a connection serves one client connection alone, and checks say that they are for nobody (`LOCAL`,
   * `UNKNOWN`).
   *
   * Danger: an endpoint that expects no such header takes it for a malformed request.
   *
   * @default none
   */
  readonly proxyProtocol?: "v1" | "v2" | undefined;
  /**
   * What is spoken to the endpoints.
   *
   * @default "http1"
   */
  readonly protocol?: "http1" | undefined;
  /**
   * TLS to the endpoints whose URL is `https://`. The files that it names are watched: when one changes, new
   * connections are made with what it holds then.
   *
   * @default verified, by the authorities that Node.js trusts
   */
  readonly tls?: UpstreamTlsInput | undefined;
}

/**
 * The addresses that serve this upstream: URLs, or sections if an endpoint has more to say. Beside `discovery` they are
 * part of the list, whatever it finds.
 *
 * An item of `upstreams.NAME.endpoints`.
 *
 * @example
 * ```ts
 * import type { EndpointInput } from "millrace";
 *
 * const endpoint: EndpointInput = { url: "http://10.0.0.2:8081", weight: 5, zone: "eu-1a" };
 * ```
 */
export interface EndpointInput {
  /**
   * `http://host:port`, `https://host:port` (TLS, see `tls`), `unix:/path`, or `tcp://host:port` and `udp://host:port`
   * for routes of listeners with that `mode`. Names are resolved as the machine does (hosts file, search list), all
   * their addresses serve in turn, and changes are followed.
   */
  readonly url: string;
  /**
   * The share of the traffic, relative to the other endpoints.
   *
   * A whole number from 0 to 65535. Zero: no new traffic.
   *
   * @default 1
   */
  readonly weight?: number | undefined;
  /**
   * Used only while no other endpoint is available.
   *
   * @default false
   */
  readonly backup?: boolean | undefined;
  /**
   * Where it is: a data centre or availability zone. An instance whose own `zone` is the same prefers it.
   *
   * @default none
   */
  readonly zone?: string | undefined;
}

/**
 * Where endpoints are found while the proxy runs: they come, change their weight and go without a reload. See the guide
 * on discovery.
 *
 * The section `upstreams.NAME.discovery`.
 *
 * @example
 * ```ts
 * import type { UpstreamDiscoveryInput } from "millrace";
 *
 * const upstreamDiscovery: UpstreamDiscoveryInput = {
 *   kubernetes: {
 *     service: "app",
 *     namespace: "production",
 *     port: "http",
 *     apiServer: "https://10.0.0.1:6443",
 *     tokenFile: "/etc/millrace/cluster-token",
 *     tls: { ca: "/etc/millrace/cluster-ca.pem" },
 *   },
 * };
 * ```
 */
export interface UpstreamDiscoveryInput {
  /**
   * Endpoints are keys of an etcd cluster, and go with the leases of their processes.
   *
   * @default none
   */
  readonly etcd?: UpstreamDiscoveryEtcdInput | undefined;
  /**
   * The instances of a service in Consul.
   *
   * @default none
   */
  readonly consul?: UpstreamDiscoveryConsulInput | undefined;
  /**
   * Endpoints are the addresses of a name, or the hosts of a service, and follow them.
   *
   * @default none
   */
  readonly dns?: UpstreamDiscoveryDnsInput | undefined;
  /**
   * Endpoints are read from a file, and again whenever it changes.
   *
   * @default none
   */
  readonly file?: string | undefined;
  /**
   * Endpoints are asked of a URL, which answers with a list in JSON.
   *
   * @default none
   */
  readonly http?: UpstreamDiscoveryHttpInput | undefined;
  /**
   * The containers of a Docker engine, by their labels.
   *
   * @default none
   */
  readonly docker?: UpstreamDiscoveryDockerInput | undefined;
  /**
   * Endpoints are the pods behind a Service of Kubernetes, as its EndpointSlices list them.
   *
   * @default none
   */
  readonly kubernetes?: UpstreamDiscoveryKubernetesInput | undefined;
  /**
   * How long an answer that leaves no endpoint, or less than half of them, is held back before it is believed, unless
   * the source is certain of it: such answers come while a service restarts, loses its leader or its permissions.
   * Endpoints that come are taken at once, and an answer that has them again ends it.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: every answer is believed at once.
   *
   * @default "30s"
   */
  readonly hold?: string | undefined;
  /**
   * How long a start or a reload waits for the first list. After it, requests are served by the last good list, or, if
   * there is none, answered with 503 until the source has answered.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: it does not wait.
   *
   * @default "2s"
   */
  readonly startTimeout?: string | undefined;
  /**
   * The folder in which the last good list is kept for the next start. It is a hint for while the source does not
   * answer: what the source says always takes its place. The state directory is `$STATE_DIRECTORY` (systemd), else
   * `~/.local/share/millrace`. `false`: it is not kept.
   *
   * Path or `false`.
   *
   * @default `discovery` in the state directory
   */
  readonly lastGood?: false | string | undefined;
}

/**
 * Endpoints are keys of an etcd cluster, and go with the leases of their processes.
 *
 * The section `upstreams.NAME.discovery.etcd`.
 *
 * @example
 * ```ts
 * import type { UpstreamDiscoveryEtcdInput } from "millrace";
 *
 * const upstreamDiscoveryEtcd: UpstreamDiscoveryEtcdInput = {
 *   urls: ["https://10.0.0.1:2379", "https://10.0.0.2:2379", "https://10.0.0.3:2379"],
 *   prefix: "/services/live/",
 *   user: "millrace",
 *   password: "a-secret",
 * };
 * ```
 */
export interface UpstreamDiscoveryEtcdInput {
  /**
   * The members of the cluster (etcd 3.4 or later, asked over its JSON gateway). One is asked; if it does not answer,
   * or has no leader, the next.
   *
   * List of URLs.
   */
  readonly urls: readonly string[];
  /**
   * Who logs in.
   *
   * @default none
   */
  readonly user?: string | undefined;
  /**
   * The password of `user`.
   *
   * @default none
   */
  readonly password?: string | undefined;
  /**
   * How the members are verified, and what they are shown.
   *
   * @default what Node.js trusts, for URLs with `https:`
   */
  readonly tls?: UpstreamDiscoveryEtcdTlsInput | undefined;
  /**
   * Each key that begins with it holds an endpoint: `http://10.0.0.7:8080`, or an object in JSON with `url` and, if
   * wanted, `weight`, `zone`, `backup` and `identity`. It ends with a slash as a rule: `/services/api` also takes what
   * belongs to `/services/api2`.
   */
  readonly prefix: string;
}

/**
 * How the members are verified, and what they are shown.
 *
 * The section `upstreams.NAME.discovery.etcd.tls`.
 *
 * @example
 * ```ts
 * import type { UpstreamDiscoveryEtcdTlsInput } from "millrace";
 *
 * const upstreamDiscoveryEtcdTls: UpstreamDiscoveryEtcdTlsInput = { ca: "/etc/millrace/etcd-ca.pem" };
 * ```
 */
export interface UpstreamDiscoveryEtcdTlsInput {
  /**
   * A file with the certificates (PEM) of those who are trusted to say who the service is, in place of others.
   *
   * @default the authorities that Node.js trusts
   */
  readonly ca?: string | undefined;
  /**
   * A file with the certificate (PEM) that the service is shown if it asks for one. This file, `key` and `ca` are read
   * again for a new connection if they have changed.
   *
   * @default none
   */
  readonly cert?: string | undefined;
  /**
   * The file with the key (PEM) of `cert`.
   *
   * @default none
   */
  readonly key?: string | undefined;
  /**
   * Whom the service must prove to be.
   *
   * Host name.
   *
   * @default the host of the URL
   */
  readonly serverName?: string | undefined;
  /**
   * The service must prove who it is.
   *
   * Danger: with `false` anybody on the way can answer in its place, and so decide where requests go. A warning says so
   * at every start and reload. To trust a certificate of your own, name it in `ca` instead.
   *
   * @default true
   */
  readonly verify?: boolean | undefined;
}

/**
 * The instances of a service in Consul.
 *
 * The section `upstreams.NAME.discovery.consul`.
 *
 * @example
 * ```ts
 * import type { UpstreamDiscoveryConsulInput } from "millrace";
 *
 * const upstreamDiscoveryConsul: UpstreamDiscoveryConsulInput = {
 *   url: "https://127.0.0.1:8501",
 *   service: "orders",
 *   tags: ["v2"],
 *   token: "a-token-of-consul",
 * };
 * ```
 */
export interface UpstreamDiscoveryConsulInput {
  /**
   * The agent that is asked: the one of this machine, as a rule.
   *
   * @default "http://127.0.0.1:8500"
   */
  readonly url?: string | undefined;
  /**
   * The ACL token that is shown.
   *
   * @default none: as the anonymous token
   */
  readonly token?: string | undefined;
  /**
   * The datacentre that is asked.
   *
   * @default the agent's own
   */
  readonly datacentre?: string | undefined;
  /**
   * How TLS is spoken if the URL is an `https://` one.
   *
   * @default what Node.js trusts, without a certificate of ours
   */
  readonly tls?: UpstreamDiscoveryConsulTlsInput | undefined;
  /** The service whose instances are followed. */
  readonly service: string;
  /**
   * Instances must have all of them.
   *
   * List of tags.
   *
   * @default []
   */
  readonly tags?: readonly string[] | undefined;
  /**
   * What instances must be like, in Consul's own language, such as `Service.Meta.version == "2"`.
   *
   * @default none
   */
  readonly filter?: string | undefined;
  /**
   * Only instances with nothing but passing checks. `false`: also those with warnings. Checks of the instance and of
   * its node count; instances that are critical or in maintenance are never used.
   *
   * @default false
   */
  readonly passing?: boolean | undefined;
  /**
   * What the instances speak. If it is set, it holds for all, whatever they say.
   *
   * @default what an instance says in its meta key `millrace-scheme`, else `http`
   */
  readonly scheme?: "http" | "https" | "tcp" | "udp" | undefined;
  /**
   * The namespace of the service (Consul Enterprise).
   *
   * @default that of the token
   */
  readonly namespace?: string | undefined;
  /**
   * Any server may answer, not only the leader: less load on the leader, and lists that are some milliseconds older.
   *
   * @default false
   */
  readonly stale?: boolean | undefined;
}

/**
 * How TLS is spoken if the URL is an `https://` one.
 *
 * The section `upstreams.NAME.discovery.consul.tls`.
 *
 * @example
 * ```ts
 * import type { UpstreamDiscoveryConsulTlsInput } from "millrace";
 *
 * const upstreamDiscoveryConsulTls: UpstreamDiscoveryConsulTlsInput = { ca: "/etc/consul.d/ca.pem" };
 * ```
 */
export interface UpstreamDiscoveryConsulTlsInput {
  /**
   * A file with the certificates (PEM) of those who are trusted to say who the service is, in place of others.
   *
   * @default the authorities that Node.js trusts
   */
  readonly ca?: string | undefined;
  /**
   * A file with the certificate (PEM) that the service is shown if it asks for one. This file, `key` and `ca` are read
   * again for a new connection if they have changed.
   *
   * @default none
   */
  readonly cert?: string | undefined;
  /**
   * The file with the key (PEM) of `cert`.
   *
   * @default none
   */
  readonly key?: string | undefined;
  /**
   * Whom the service must prove to be.
   *
   * Host name.
   *
   * @default the host of the URL
   */
  readonly serverName?: string | undefined;
  /**
   * The service must prove who it is.
   *
   * Danger: with `false` anybody on the way can answer in its place, and so decide where requests go. A warning says so
   * at every start and reload. To trust a certificate of your own, name it in `ca` instead.
   *
   * @default true
   */
  readonly verify?: boolean | undefined;
}

/**
 * Endpoints are the addresses of a name, or the hosts of a service, and follow them.
 *
 * The section `upstreams.NAME.discovery.dns`.
 *
 * @example
 * ```ts
 * import type { UpstreamDiscoveryDnsInput } from "millrace";
 *
 * const upstreamDiscoveryDns: UpstreamDiscoveryDnsInput = { name: "_http._tcp.api.internal", type: "SRV", servers: ["127.0.0.1:8600"] };
 * ```
 */
export interface UpstreamDiscoveryDnsInput {
  /**
   * The name whose records are followed: of hosts, `api.internal`, or of a service, `_http._tcp.api.internal`. Without
   * `servers` it is looked up as the machine does: hosts file, search list; a dot at the end means only itself.
   *
   * Host name.
   */
  readonly name: string;
  /**
   * The records: `addresses`: A and AAAA; `A` or `AAAA`: of one family; `SRV`: hosts with port, priority and weight. Of
   * SRV records those of the lowest priority serve, all others are backups.
   *
   * @default "addresses"
   */
  readonly type?: "addresses" | "A" | "AAAA" | "SRV" | undefined;
  /**
   * The port of all addresses. SRV records have their own.
   *
   * @default 80, with `https` 443
   */
  readonly port?: number | undefined;
  /**
   * What the endpoints speak. They are addresses: with `https`, write the name that they must prove in `tls.serverName`
   * of the upstream.
   *
   * @default "http"
   */
  readonly scheme?: "http" | "https" | "tcp" | "udp" | undefined;
  /**
   * The name servers to ask, the first that answers is believed: `10.0.0.53`, `127.0.0.1:8600`, `"[2001:db8::53]:53"`.
   *
   * List of addresses.
   *
   * @default those of the machine
   */
  readonly servers?: readonly string[] | undefined;
  /**
   * The name is not asked for more often, however short a time its records hold.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "1s"
   */
  readonly minRefresh?: string | undefined;
  /**
   * The name is asked for at least this often, however long its records hold.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "60s"
   */
  readonly maxRefresh?: string | undefined;
  /**
   * How long an address is kept after it was last in an answer: for name servers that send a changing part of what
   * there is, over TCP too. An address that is missing is in any case asked for again over TCP before it is let go.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: it is let go at once.
   *
   * @default "0s"
   */
  readonly unseen?: string | undefined;
}

/**
 * Endpoints are asked of a URL, which answers with a list in JSON.
 *
 * The section `upstreams.NAME.discovery.http`.
 *
 * @example
 * ```ts
 * import type { UpstreamDiscoveryHttpInput } from "millrace";
 *
 * const upstreamDiscoveryHttp: UpstreamDiscoveryHttpInput = { url: "https://registry.internal/endpoints", token: "a-token-of-the-registry" };
 * ```
 */
export interface UpstreamDiscoveryHttpInput {
  /**
   * What is asked for. The answer is a list in JSON, or an object with a list `endpoints`; in it are URLs, or objects
   * with `url` and, if wanted, `weight`, `zone`, `backup` and `identity`: `["http://10.0.0.7:8080", {"url":
   * "http://10.0.0.8:8080", "weight": 3}]`.
   */
  readonly url: string;
  /**
   * The time between two questions, a tenth more or less. With an `ETag` or `Last-Modified` of the service, an answer
   * that is still the same costs next to nothing.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "5s"
   */
  readonly interval?: string | undefined;
  /**
   * How long the whole answer may take.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "5s"
   */
  readonly timeout?: string | undefined;
  /** Fields that are sent with the question. */
  readonly headers?: { readonly [name: string]: string } | undefined;
  /**
   * Sent as `Authorization: Bearer`. Have it come from the environment: `${REGISTRY_TOKEN}`.
   *
   * @default none
   */
  readonly token?: string | undefined;
  /**
   * How an `https` URL is asked.
   *
   * @default what Node.js trusts
   */
  readonly tls?: UpstreamDiscoveryHttpTlsInput | undefined;
}

/**
 * How an `https` URL is asked.
 *
 * The section `upstreams.NAME.discovery.http.tls`.
 *
 * @example
 * ```ts
 * import type { UpstreamDiscoveryHttpTlsInput } from "millrace";
 *
 * const upstreamDiscoveryHttpTls: UpstreamDiscoveryHttpTlsInput = { ca: "/etc/millrace/registry-ca.pem" };
 * ```
 */
export interface UpstreamDiscoveryHttpTlsInput {
  /**
   * A file with the certificates (PEM) of those who are trusted to say who the service is, in place of others.
   *
   * @default the authorities that Node.js trusts
   */
  readonly ca?: string | undefined;
  /**
   * A file with the certificate (PEM) that the service is shown if it asks for one. This file, `key` and `ca` are read
   * again for a new connection if they have changed.
   *
   * @default none
   */
  readonly cert?: string | undefined;
  /**
   * The file with the key (PEM) of `cert`.
   *
   * @default none
   */
  readonly key?: string | undefined;
  /**
   * Whom the service must prove to be.
   *
   * Host name.
   *
   * @default the host of the URL
   */
  readonly serverName?: string | undefined;
  /**
   * The service must prove who it is.
   *
   * Danger: with `false` anybody on the way can answer in its place, and so decide where requests go. A warning says so
   * at every start and reload. To trust a certificate of your own, name it in `ca` instead.
   *
   * @default true
   */
  readonly verify?: boolean | undefined;
}

/**
 * The containers of a Docker engine, by their labels.
 *
 * The section `upstreams.NAME.discovery.docker`.
 *
 * @example
 * ```ts
 * import type { UpstreamDiscoveryDockerInput } from "millrace";
 *
 * const upstreamDiscoveryDocker: UpstreamDiscoveryDockerInput = { labels: ["com.docker.compose.service=api"], network: "backend", port: 8080 };
 * ```
 */
export interface UpstreamDiscoveryDockerInput {
  /**
   * The socket of Docker (or Podman), or its address: `tcp://10.0.0.1:2376`.
   *
   * Path or URL.
   *
   * Danger: whoever may write to this socket rules the machine. Give Millrace a socket that can only read, by a proxy
   * that lets `GET /_ping`, `/events` and `/containers` pass.
   *
   * @default `/var/run/docker.sock`
   */
  readonly host?: string | undefined;
  /**
   * Containers must have all of them: `name`, or `name=value`, such as `com.docker.compose.service=api`. Those with
   * `millrace.enable=false` are left out in any case.
   *
   * List of labels.
   *
   * @default `millrace.upstream=` and the name of the upstream
   */
  readonly labels?: readonly string[] | undefined;
  /**
   * The network by which containers are reached. It is known which ones Millrace is in if it runs in a container of the
   * same engine under its own host name; else name it if containers are in several.
   *
   * @default the container's label `millrace.network`, else the first by name that Millrace is in, too
   */
  readonly network?: string | undefined;
  /**
   * The port in the container, whether or not it is published.
   *
   * @default the container's label `millrace.port`, else the only port that it exposes
   */
  readonly port?: number | undefined;
  /**
   * What the URLs of the endpoints begin with.
   *
   * @default the container's label `millrace.scheme`, else `http`
   */
  readonly scheme?: "http" | "https" | "tcp" | "udp" | undefined;
  /**
   * Containers whose own check (`HEALTHCHECK`) has not passed yet, or fails, get no requests. `ignore`: they do; the
   * checks of the upstream decide alone.
   *
   * @default "respect"
   */
  readonly health?: "respect" | "ignore" | undefined;
  /**
   * TLS to the address of Docker, which asks for a certificate as a rule.
   *
   * @default none; what Node.js trusts, if the address begins with `https://`
   */
  readonly tls?: UpstreamDiscoveryDockerTlsInput | undefined;
}

/**
 * TLS to the address of Docker, which asks for a certificate as a rule.
 *
 * The section `upstreams.NAME.discovery.docker.tls`.
 *
 * @example
 * ```ts
 * import type { UpstreamDiscoveryDockerTlsInput } from "millrace";
 *
 * const upstreamDiscoveryDockerTls: UpstreamDiscoveryDockerTlsInput = { ca: "/etc/docker/ca.pem", cert: "/etc/docker/cert.pem", key: "/etc/docker/key.pem" };
 * ```
 */
export interface UpstreamDiscoveryDockerTlsInput {
  /**
   * A file with the certificates (PEM) of those who are trusted to say who the service is, in place of others.
   *
   * @default the authorities that Node.js trusts
   */
  readonly ca?: string | undefined;
  /**
   * A file with the certificate (PEM) that the service is shown if it asks for one. This file, `key` and `ca` are read
   * again for a new connection if they have changed.
   *
   * @default none
   */
  readonly cert?: string | undefined;
  /**
   * The file with the key (PEM) of `cert`.
   *
   * @default none
   */
  readonly key?: string | undefined;
  /**
   * Whom the service must prove to be.
   *
   * Host name.
   *
   * @default the host of the URL
   */
  readonly serverName?: string | undefined;
  /**
   * The service must prove who it is.
   *
   * Danger: with `false` anybody on the way can answer in its place, and so decide where requests go. A warning says so
   * at every start and reload. To trust a certificate of your own, name it in `ca` instead.
   *
   * @default true
   */
  readonly verify?: boolean | undefined;
}

/**
 * Endpoints are the pods behind a Service of Kubernetes, as its EndpointSlices list them.
 *
 * The section `upstreams.NAME.discovery.kubernetes`.
 *
 * @example
 * ```ts
 * import type { UpstreamDiscoveryKubernetesInput } from "millrace";
 *
 * const upstreamDiscoveryKubernetes: UpstreamDiscoveryKubernetesInput = {
 *   service: "app",
 *   namespace: "production",
 *   port: "http",
 *   apiServer: "https://10.0.0.1:6443",
 *   tokenFile: "/etc/millrace/cluster-token",
 * };
 * ```
 */
export interface UpstreamDiscoveryKubernetesInput {
  /** The Service. Its pods are asked directly, past its cluster address. */
  readonly service: string;
  /**
   * The namespace of the Service.
   *
   * @default that of the pod
   */
  readonly namespace?: string | undefined;
  /**
   * The port: its name in the Service, or its number in the pods (`targetPort`). A Service with several ports needs it.
   *
   * Name or number.
   *
   * @default the only one
   */
  readonly port?: number | string | undefined;
  /**
   * What the URLs of the endpoints begin with.
   *
   * @default `https` if the port's `appProtocol` says so, else `http`
   */
  readonly scheme?: "http" | "https" | "tcp" | "udp" | undefined;
  /**
   * Which address is used of a pod that has one of each family.
   *
   * @default "IPv4"
   */
  readonly family?: "IPv4" | "IPv6" | undefined;
  /**
   * Labels that the EndpointSlices of the Service must have besides, `key=value`.
   *
   * @default none
   */
  readonly labelSelector?: string | undefined;
  /**
   * The API server. A `kubeconfig` is not read; `http://127.0.0.1:8001` is that of `kubectl proxy`.
   *
   * @default that of the cluster that this is a pod of
   */
  readonly apiServer?: string | undefined;
  /**
   * The file with the token of a service account that may list and watch EndpointSlices. It is read again every minute.
   *
   * @default that of the pod; none if `apiServer` is set
   */
  readonly tokenFile?: string | undefined;
  /**
   * TLS to the API server.
   *
   * @default verified, by the authority that the pod is given; by those that Node.js trusts if `apiServer` is set
   */
  readonly tls?: UpstreamDiscoveryKubernetesTlsInput | undefined;
}

/**
 * TLS to the API server.
 *
 * The section `upstreams.NAME.discovery.kubernetes.tls`.
 *
 * @example
 * ```ts
 * import type { UpstreamDiscoveryKubernetesTlsInput } from "millrace";
 *
 * const upstreamDiscoveryKubernetesTls: UpstreamDiscoveryKubernetesTlsInput = { ca: "/etc/millrace/cluster-ca.pem" };
 * ```
 */
export interface UpstreamDiscoveryKubernetesTlsInput {
  /**
   * A file with the certificates (PEM) of those who are trusted to say who the service is, in place of others.
   *
   * @default the authorities that Node.js trusts
   */
  readonly ca?: string | undefined;
  /**
   * A file with the certificate (PEM) that the service is shown if it asks for one. This file, `key` and `ca` are read
   * again for a new connection if they have changed.
   *
   * @default none
   */
  readonly cert?: string | undefined;
  /**
   * The file with the key (PEM) of `cert`.
   *
   * @default none
   */
  readonly key?: string | undefined;
  /**
   * Whom the service must prove to be.
   *
   * Host name.
   *
   * @default the host of the URL
   */
  readonly serverName?: string | undefined;
  /**
   * The service must prove who it is.
   *
   * Danger: with `false` anybody on the way can answer in its place, and so decide where requests go. A warning says so
   * at every start and reload. To trust a certificate of your own, name it in `ca` instead.
   *
   * @default true
   */
  readonly verify?: boolean | undefined;
}

/**
 * How an endpoint is picked. `round-robin`: in turn, smoothly by weight; `least-connections`: the fewest requests in
 * flight by weight; `random`: by weight; `power-of-two`: the less loaded of two random ones; `peak-ewma`: the one of
 * two random ones that promises the earlier answer, by latency and load; `ip-hash`: the same client address gets the
 * same endpoint; `{ ringHash: ... }` and `{ maglev: ... }`: the same key gets the same endpoint.
 *
 * The section `upstreams.NAME.balance`.
 *
 * @example
 * ```ts
 * import type { HashBalanceInput } from "millrace";
 *
 * const hashBalance: HashBalanceInput = { ringHash: { key: "header:x-user", balanceFactor: 125 } };
 * ```
 */
export interface HashBalanceInput {
  /**
   * Consistent hashing on a ring: the same key gets the same endpoint, and one that comes or goes moves only its own
   * share of the keys.
   *
   * @default off
   */
  readonly ringHash?: RingHashInput | undefined;
  /**
   * Maglev hashing (a table of 65,537 places): as `ringHash`, with shares within 1 % and a constant cost; a change
   * moves a few more keys.
   *
   * @default off
   */
  readonly maglev?: MaglevInput | undefined;
}

/**
 * Consistent hashing on a ring: the same key gets the same endpoint, and one that comes or goes moves only its own
 * share of the keys.
 *
 * The section `upstreams.NAME.balance.ringHash`.
 *
 * @example
 * ```ts
 * import type { RingHashInput } from "millrace";
 *
 * const ringHash: RingHashInput = { key: "header:x-user", balanceFactor: 125 };
 * ```
 */
export interface RingHashInput {
  /**
   * What is hashed; requests without it go to any endpoint: `clientIp`, `header:NAME`, `cookie:NAME`, `query:NAME` or
   * `path`.
   *
   * @default "clientIp"
   */
  readonly key?: string | undefined;
  /**
   * Bounded load: the most requests in flight that an endpoint may have, in percent of its fair share; beyond it a key
   * goes to the next endpoint on the ring. 125 is a good value.
   *
   * Zero: no bound: a key never leaves its endpoint.
   *
   * @default 0
   */
  readonly balanceFactor?: number | undefined;
}

/**
 * Maglev hashing (a table of 65,537 places): as `ringHash`, with shares within 1 % and a constant cost; a change moves
 * a few more keys.
 *
 * The section `upstreams.NAME.balance.maglev`.
 *
 * @example
 * ```ts
 * import type { MaglevInput } from "millrace";
 *
 * const maglev: MaglevInput = { key: "path" };
 * ```
 */
export interface MaglevInput {
  /**
   * What is hashed; requests without it go to any endpoint: `clientIp`, `header:NAME`, `cookie:NAME`, `query:NAME` or
   * `path`.
   *
   * @default "clientIp"
   */
  readonly key?: string | undefined;
}

/**
 * Sticky sessions: a client goes back to the endpoint that has served it. One that drains or has weight 0 keeps its
 * clients and gets no new ones; from one that is gone or fails, clients move to another for good.
 *
 * The section `upstreams.NAME.sticky`.
 *
 * @example
 * ```ts
 * import type { UpstreamStickyInput } from "millrace";
 *
 * const upstreamSticky: UpstreamStickyInput = { cookie: { name: "files", maxAge: "1h" } };
 * ```
 */
export interface UpstreamStickyInput {
  /**
   * A signed cookie names the client's endpoint. It says nothing of addresses.
   *
   * @default off
   */
  readonly cookie?: boolean | "on" | "off" | StickyCookieInput | undefined;
  /**
   * Instead of a cookie, the hash of a key: `clientIp`, `header:NAME`, `cookie:NAME`, `query:NAME` or `path`. Requests
   * without it are balanced. A hash knows no sessions: when an endpoint drains, its clients go at once.
   *
   * @default off
   */
  readonly key?: string | undefined;
}

/**
 * A signed cookie names the client's endpoint. It says nothing of addresses.
 *
 * The section `upstreams.NAME.sticky.cookie`.
 *
 * @example
 * ```ts
 * import type { StickyCookieInput } from "millrace";
 *
 * const stickyCookie: StickyCookieInput = { name: "files", maxAge: "1h" };
 * ```
 */
export interface StickyCookieInput {
  /**
   * The cookie's name. Upstreams that share a host need names that differ.
   *
   * @default `millrace-` and a hash of the upstream's name
   */
  readonly name?: string | undefined;
  /**
   * How long a client that stays away keeps its endpoint. The cookie is renewed in the course of use.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: until the browser is closed.
   *
   * @default "0s"
   */
  readonly maxAge?: string | undefined;
  /**
   * The part of the site that the cookie is sent to.
   *
   * @default "/"
   */
  readonly path?: string | undefined;
  /**
   * Whether the cookie comes along from other sites: `lax` with links, `strict` never, `none` always (and then only
   * over HTTPS).
   *
   * @default "lax"
   */
  readonly sameSite?: "lax" | "strict" | "none" | undefined;
  /**
   * What cookies are signed with: give it as `${NAME}` from the environment, the same to all instances. Without it, a
   * cookie counts only for the process that gave it, and clients change endpoints once when that is restarted.
   *
   * @default random at each start
   */
  readonly secret?: string | undefined;
}

/**
 * Active health checks. `{}` switches them on with their defaults; without this section endpoints are always taken for
 * healthy.
 *
 * The section `upstreams.NAME.health`.
 *
 * @example
 * ```ts
 * import type { UpstreamHealthInput } from "millrace";
 *
 * const upstreamHealth: UpstreamHealthInput = { path: "/health", interval: "5s", expect: "200-299" };
 * ```
 */
export interface UpstreamHealthInput {
  /**
   * What is asked for, with GET.
   *
   * @default "/"
   */
  readonly path?: string | undefined;
  /**
   * The `Host` field of the check.
   *
   * @default the endpoint's host and port
   */
  readonly host?: string | undefined;
  /**
   * Checks by a TCP connection in place of a request: `true` asks only that it comes about, `{ send, expect }` also
   * what is said over it. `path`, `host` and the status do not matter then.
   *
   * @default off; `true` if the endpoints are `tcp://`
   */
  readonly tcp?: boolean | "on" | "off" | UpstreamHealthTcpInput | undefined;
  /**
   * The time between two checks of an endpoint.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "5s"
   */
  readonly interval?: string | undefined;
  /**
   * How long an answer may take; later is a failure.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "2s"
   */
  readonly timeout?: string | undefined;
  /**
   * How many successes in a row make an unhealthy endpoint healthy.
   *
   * A whole number from 1 to 100.
   *
   * @default 2
   */
  readonly rise?: number | undefined;
  /**
   * What an endpoint is before its first check has ended, at a start and whenever one comes. `healthy`: it gets
   * requests at once, and a failure is retried elsewhere. `unhealthy`: it gets none, not in a panic either, until a
   * check has passed; one is enough.
   *
   * @default "healthy"
   */
  readonly initial?: "healthy" | "unhealthy" | undefined;
  /**
   * How many failures in a row make a healthy endpoint unhealthy.
   *
   * A whole number from 1 to 100.
   *
   * @default 3
   */
  readonly fall?: number | undefined;
  /**
   * How far each interval is varied at random, so that checks do not march in step.
   *
   * A percentage, such as `"20%"`.
   *
   * @default "20%"
   */
  readonly jitter?: string | undefined;
  /**
   * The interval while an endpoint is on its way from one state to the other, or if requests pile up there; never
   * longer than `interval`.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "1s"
   */
  readonly fastInterval?: string | undefined;
  /**
   * The statuses that count as healthy: `200`, `"2xx"`, `"200-399"`, or a list of these.
   *
   * Status, range or list.
   *
   * @default 200-399
   */
  readonly expect?: number | string | readonly (number | string)[] | undefined;
}

/**
 * Checks by a TCP connection in place of a request: `true` asks only that it comes about, `{ send, expect }` also what
 * is said over it. `path`, `host` and the status do not matter then.
 *
 * The section `upstreams.NAME.health.tcp`.
 *
 * @example
 * ```ts
 * import type { UpstreamHealthTcpInput } from "millrace";
 *
 * const upstreamHealthTcp: UpstreamHealthTcpInput = { send: "PING\r\n", expect: "PONG" };
 * ```
 */
export interface UpstreamHealthTcpInput {
  /**
   * What is sent once the connection is up, for example `"PING\r\n"`.
   *
   * @default nothing
   */
  readonly send?: string | undefined;
  /**
   * What the first 4 KiB that the endpoint sends must contain.
   *
   * @default nothing: a connection is enough
   */
  readonly expect?: string | undefined;
}

/**
 * Passive health checks: an endpoint that fails requests is sent no new ones for a while. It returns when its time is
 * over, or when an active health check passes (if traffic has it ejected again soon after: only when one passes that
 * had failed). `false` switches this off.
 *
 * The section `upstreams.NAME.outlier`.
 *
 * @example
 * ```ts
 * import type { UpstreamOutlierInput } from "millrace";
 *
 * const upstreamOutlier: UpstreamOutlierInput = { consecutiveErrors: 5, ejection: "10s" };
 * ```
 */
export interface UpstreamOutlierInput {
  /**
   * After how many failures in a row an endpoint is ejected. Failures are: no connection, a broken connection, an
   * answer that is too late or not HTTP, and the `statuses`.
   *
   * A whole number from 1 to 1000.
   *
   * @default 5
   */
  readonly consecutiveErrors?: number | undefined;
  /**
   * Which answers are failures of the endpoint: 500 to 599. Add 500 if it means that this instance is broken, not that
   * this request is.
   *
   * List of statuses.
   *
   * @default [502,503,504]
   */
  readonly statuses?: readonly number[] | undefined;
  /**
   * How long an endpoint is ejected the first time; each time it fails again soon after, this much longer.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "10s"
   */
  readonly ejection?: string | undefined;
  /**
   * The longest ejection.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "300s"
   */
  readonly maxEjection?: string | undefined;
  /**
   * How many of a hundred endpoints may be ejected at a time: at least one, but never the last one that serves; if all
   * others are lost later, it serves again.
   *
   * A whole number from 1 to 100.
   *
   * @default 50
   */
  readonly maxEjectedPercent?: number | undefined;
}

/**
 * Circuit breaker: when too large a share of the attempts fails, requests are refused at once for a while (503 with
 * `Retry-After`), then let through again bit by bit. There are no retries while it is not closed.
 *
 * The section `upstreams.NAME.breaker`.
 *
 * @example
 * ```ts
 * import type { UpstreamBreakerInput } from "millrace";
 *
 * const upstreamBreaker: UpstreamBreakerInput = { errorPercent: 50, minRequests: 20, open: "10s" };
 * ```
 */
export interface UpstreamBreakerInput {
  /**
   * How many of a hundred attempts may fail before the breaker opens: no connection, a broken connection, a late
   * answer, one that is not HTTP, or a status of 500 and above.
   *
   * A whole number from 1 to 100.
   *
   * @default 50
   */
  readonly errorPercent?: number | undefined;
  /**
   * How many attempts it takes within the window before their share of errors says anything.
   *
   * A whole number from 1 to 1000000.
   *
   * @default 20
   */
  readonly minRequests?: number | undefined;
  /**
   * The time that is looked back on, over all threads.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "10s"
   */
  readonly window?: string | undefined;
  /**
   * An answer whose first byte takes longer counts as an error.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: only errors count.
   *
   * @default "0s"
   */
  readonly latency?: string | undefined;
  /**
   * How long requests are refused at once (503, `BREAKER_OPEN`) before the upstream is tried again.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "10s"
   */
  readonly open?: string | undefined;
  /**
   * In what time traffic then comes back: a tenth at first, evenly more, all of it at the end. When it fails again, the
   * breaker opens again.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: all at once.
   *
   * @default "10s"
   */
  readonly ramp?: string | undefined;
}

/**
 * Retries, each on another endpoint after a short random pause. A request that died on a *reused* connection before any
 * byte of the answer is sent again in any case if that is harmless.
 *
 * The section `upstreams.NAME.retry`.
 *
 * @example
 * ```ts
 * import type { UpstreamRetryInput } from "millrace";
 *
 * const upstreamRetry: UpstreamRetryInput = { attempts: 2, on: ["connect", "reset", 503] };
 * ```
 */
export interface UpstreamRetryInput {
  /**
   * How many further endpoints are tried when an attempt fails.
   *
   * A whole number from 0 to 10. Zero: never retry.
   *
   * @default 2
   */
  readonly attempts?: number | undefined;
  /**
   * Which failures are retried. `connect`: no connection came about, so nothing was sent. `reset`: the connection broke
   * before the first byte of the answer; `timeout`: that byte did not come in time; a status: the endpoint answered so.
   * All but `connect` only for requests whose repetition is harmless (idempotent method, no body or one of at most 64
   * KiB). A 503 whose `Retry-After` is longer than a second is passed on.
   *
   * List of causes.
   *
   * @default ["connect","reset",502,503,504]
   */
  readonly on?: readonly ("connect" | "reset" | "timeout" | number)[] | undefined;
  /**
   * How many requests of a hundred may be retried, over the last ten seconds and all threads. Three at a time (and
   * thirty in ten seconds) are allowed in any case. A retry after an attempt that brought no connection about does not
   * count if it is answered (below 500): the request has reached an endpoint only once.
   *
   * A whole number from 0 to 100.
   *
   * Danger: retries multiply the load on an upstream that is failing under load.
   *
   * @default 20
   */
  readonly budgetPercent?: number | undefined;
  /**
   * How long a single attempt may take until the first byte of its answer; then the next endpoint is tried, if the
   * request may be repeated.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: no limit but the timeouts of the
   * upstream.
   *
   * @default "0s"
   */
  readonly perTryTimeout?: string | undefined;
}

/**
 * How many requests the upstream is given at a time. What is too much waits in a queue, for a while.
 *
 * The section `upstreams.NAME.limits`.
 *
 * @example
 * ```ts
 * import type { UpstreamLimitsInput } from "millrace";
 *
 * const upstreamLimits: UpstreamLimitsInput = { maxRequests: 500, maxPending: 1000 };
 * ```
 */
export interface UpstreamLimitsInput {
  /**
   * The most requests in flight at the upstream, over all threads, open WebSockets included. Others wait.
   *
   * A whole number from 0 to 10000000. Zero: no limit.
   *
   * @default 0
   */
  readonly maxRequests?: number | undefined;
  /**
   * The most requests in flight at each endpoint, over all threads. Another endpoint is picked; if all are full,
   * requests wait.
   *
   * A whole number from 0 to 10000000. Zero: no limit.
   *
   * @default 0
   */
  readonly maxRequestsPerEndpoint?: number | undefined;
  /**
   * The most requests that wait, over all threads; others are answered 503 (`QUEUE_FULL`).
   *
   * A whole number from 0 to 1000000. Zero: nobody waits.
   *
   * @default 1024
   */
  readonly maxPending?: number | undefined;
  /**
   * How long a request may wait; then 503 (`QUEUE_TIMEOUT`).
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "5s"
   */
  readonly pendingTimeout?: string | undefined;
  /**
   * Finds the limit by itself: it grows while answers come as fast as they can, and shrinks as soon as they slow down,
   * because requests queue up inside the upstream.
   *
   * @default off
   */
  readonly adaptive?: boolean | "on" | "off" | AdaptiveLimitInput | undefined;
}

/**
 * Finds the limit by itself: it grows while answers come as fast as they can, and shrinks as soon as they slow down,
 * because requests queue up inside the upstream.
 *
 * The section `upstreams.NAME.limits.adaptive`.
 *
 * @example
 * ```ts
 * import type { AdaptiveLimitInput } from "millrace";
 *
 * const adaptiveLimit: AdaptiveLimitInput = { minRequests: 16 };
 * ```
 */
export interface AdaptiveLimitInput {
  /**
   * The limit is never lower, for each thread.
   *
   * A whole number from 1 to 100000.
   *
   * @default 8
   */
  readonly minRequests?: number | undefined;
  /**
   * The limit is never higher, for each thread.
   *
   * A whole number from 1 to 1000000.
   *
   * @default 1000
   */
  readonly maxRequests?: number | undefined;
  /**
   * How much slower than its best the upstream may answer before the limit is lowered, in percent.
   *
   * A whole number from 0 to 1000.
   *
   * @default 25
   */
  readonly tolerancePercent?: number | undefined;
}

/**
 * Hedging: if an answer is slow to come, another endpoint is asked as well, and the first answer is taken. Only GET,
 * HEAD and OPTIONS without a body, once for each request, out of the retry budget.
 *
 * The section `upstreams.NAME.hedge`.
 *
 * @example
 * ```ts
 * import type { UpstreamHedgeInput } from "millrace";
 *
 * const upstreamHedge: UpstreamHedgeInput = { after: "200ms" };
 * ```
 */
export interface UpstreamHedgeInput {
  /**
   * How long a request waits for the first byte of its answer before a second endpoint is asked as well. Best a little
   * above what nearly all answers take.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * Danger: too short a time doubles the load, as far as the retry budget allows.
   *
   * @default "200ms"
   */
  readonly after?: string | undefined;
}

/**
 * The connections kept open to each endpoint.
 *
 * The section `upstreams.NAME.pool`.
 *
 * @example
 * ```ts
 * import type { UpstreamPoolInput } from "millrace";
 *
 * const upstreamPool: UpstreamPoolInput = { maxIdle: 64, pipelining: 4 };
 * ```
 */
export interface UpstreamPoolInput {
  /**
   * The most idle connections kept for each endpoint and thread.
   *
   * A whole number from 0 to 100000. Zero: every connection is closed after one answer.
   *
   * @default 128
   */
  readonly maxIdle?: number | undefined;
  /**
   * How long an idle connection is kept. An endpoint's `Keep-Alive: timeout` shortens it.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "60s"
   */
  readonly idleTimeout?: string | undefined;
  /**
   * The most requests (GET without a body) in flight on one connection. Above 1, requests share connections and system
   * calls: fastest for many small answers.
   *
   * A whole number from 1 to 1000.
   *
   * Danger: one slow answer holds up those behind it, and answers are told apart by their order alone: an endpoint that
   * sends one answer too many or too few shifts those behind it to the wrong clients. Only for endpoints that are known
   * to implement pipelining correctly.
   *
   * @default 1
   */
  readonly pipelining?: number | undefined;
}

/**
 * How long endpoints may take.
 *
 * The section `upstreams.NAME.timeouts`.
 *
 * @example
 * ```ts
 * import type { UpstreamTimeoutsInput } from "millrace";
 *
 * const upstreamTimeouts: UpstreamTimeoutsInput = { connect: "1s", firstByte: "10s" };
 * ```
 */
export interface UpstreamTimeoutsInput {
  /**
   * How long a connection may take to come about, from the look-up of the name on, whatever the number of addresses.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "3s"
   */
  readonly connect?: string | undefined;
  /**
   * How long an endpoint may take for the first byte of its answer once it has the request; 504 after it. An interim
   * answer (1xx) starts it again, for an hour at most.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: no limit.
   *
   * @default "60s"
   */
  readonly firstByte?: string | undefined;
  /**
   * The longest pause in an answer; every byte starts it again. Event streams (`text/event-stream`), gRPC and tunnels
   * are given an hour in any case; a tunnel of which one side has ended is not.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: no limit.
   *
   * @default "60s"
   */
  readonly idle?: string | undefined;
}

/**
 * TLS to the endpoints whose URL is `https://`. The files that it names are watched: when one changes, new connections
 * are made with what it holds then.
 *
 * The section `upstreams.NAME.tls`.
 *
 * @example
 * ```ts
 * import type { UpstreamTlsInput } from "millrace";
 *
 * const upstreamTls: UpstreamTlsInput = {
 *   ca: "/etc/millrace/partner-ca.pem",
 *   cert: "/etc/millrace/client.pem",
 *   key: "/etc/millrace/client.key",
 * };
 * ```
 */
export interface UpstreamTlsInput {
  /**
   * Endpoints must prove who they are: by a certificate that is valid, issued by an authority that is trusted, and
   * holds for their name.
   *
   * Danger: with `false` anybody on the way can read and change everything, and give himself out as the endpoint. A
   * warning says so at every start and reload. To trust a certificate of your own, name it in `ca` instead.
   *
   * @default true
   */
  readonly verify?: boolean | undefined;
  /**
   * A file with the certificates (PEM) that are trusted in place of the well-known authorities: of authorities, or of
   * the endpoints themselves.
   *
   * @default the authorities that Node.js trusts
   */
  readonly ca?: string | undefined;
  /**
   * A file with revocation lists (PEM), one of each authority in `ca`. An endpoint whose certificate is in one, or
   * whose list is out of date, is not used.
   *
   * @default none
   */
  readonly crl?: string | undefined;
  /**
   * Whom endpoints must prove to be, and what they are asked for (SNI), in requests and health checks alike. For an
   * address there is no SNI, and the certificate must name the address.
   *
   * Host name.
   *
   * @default the host of the endpoint's URL
   */
  readonly serverName?: string | undefined;
  /**
   * A file with the certificate (PEM) that endpoints are shown if they ask for one, and the chain behind it.
   *
   * @default none
   */
  readonly cert?: string | undefined;
  /**
   * The file with the key (PEM) of `cert`.
   *
   * @default none
   */
  readonly key?: string | undefined;
  /**
   * The least version of TLS that is spoken to endpoints.
   *
   * @default "1.2"
   */
  readonly minVersion?: "1.2" | "1.3" | undefined;
}

/**
 * Places that keep what instances share, or what outlives them: servers, and for caches memory and disks.
 *
 * An entry of `stores`, by its name.
 *
 * @example
 * ```ts
 * import type { StoreInput } from "millrace";
 *
 * const store: StoreInput = { memory: { maxBytes: "64MiB" } };
 * ```
 */
export interface StoreInput {
  /**
   * A Redis or Valkey server, for rate limits, caches and what ACME keeps. Needs the package `@redis/client` beside
   * Millrace.
   *
   * URL or section.
   *
   * @default none
   */
  readonly redis?: string | StoreRedisInput | undefined;
  /**
   * Memory of this process, for caches that are to have their own: those with `store: memory` share one without being
   * named here.
   *
   * @default none
   */
  readonly memory?: StoreMemoryInput | undefined;
  /**
   * A folder on a disk of this machine, for caches; what is kept there outlives the process.
   *
   * @default none
   */
  readonly disk?: StoreDiskInput | undefined;
  /**
   * An etcd cluster, for rate limits, which are exchanged once a second, and what ACME keeps.
   *
   * @default none
   */
  readonly etcd?: StoreEtcdInput | undefined;
  /**
   * The key/value store of Consul, for rate limits, which are exchanged once a second, and what ACME keeps.
   *
   * @default none
   */
  readonly consul?: StoreConsulInput | undefined;
}

/**
 * A Redis or Valkey server, for rate limits, caches and what ACME keeps. Needs the package `@redis/client` beside
 * Millrace.
 *
 * The section `stores.NAME.redis`.
 *
 * @example
 * ```ts
 * import type { StoreRedisInput } from "millrace";
 *
 * const storeRedis: StoreRedisInput = { url: "redis://127.0.0.1:6379", timeout: "20ms" };
 * ```
 */
export interface StoreRedisInput {
  /**
   * `redis://[user:password@]host[:port][/database]`, `rediss://…` over TLS, or `unix:/path`. Redis 5 or later, or
   * Valkey.
   */
  readonly url: string;
  /**
   * How long a request waits for an answer; then `onStoreFailure` says what happens to it, and a cache goes on without
   * what is stored.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.
   *
   * @default "20ms"
   */
  readonly timeout?: string | undefined;
  /**
   * What all keys begin with.
   *
   * @default "millrace:"
   */
  readonly prefix?: string | undefined;
  /**
   * How large an answer may be that a cache keeps there; what is larger is not stored, whatever the cache would take.
   *
   * A size: a number of bytes, or text with a unit, such as `"16KiB"` or `"1MB"`.
   *
   * Danger: large answers keep the server busy, and whatever else it is asked waits for them.
   *
   * @default "1MiB"
   */
  readonly maxObjectBytes?: string | number | undefined;
}

/**
 * Memory of this process, for caches that are to have their own: those with `store: memory` share one without being
 * named here.
 *
 * The section `stores.NAME.memory`.
 *
 * @example
 * ```ts
 * import type { StoreMemoryInput } from "millrace";
 *
 * const storeMemory: StoreMemoryInput = { maxBytes: "64MiB" };
 * ```
 */
export interface StoreMemoryInput {
  /**
   * How much memory the answers take at most, with all that is kept about them.
   *
   * A size: a number of bytes, or text with a unit, such as `"16KiB"` or `"1MB"`.
   *
   * @default "256MiB"
   */
  readonly maxBytes?: string | number | undefined;
}

/**
 * A folder on a disk of this machine, for caches; what is kept there outlives the process.
 *
 * The section `stores.NAME.disk`.
 *
 * @example
 * ```ts
 * import type { StoreDiskInput } from "millrace";
 *
 * const storeDisk: StoreDiskInput = { path: "/var/cache/millrace", maxBytes: "10GiB" };
 * ```
 */
export interface StoreDiskInput {
  /**
   * The folder that the answers are kept in, relative to the configuration file. It is the store's alone: other files
   * in it may be deleted.
   */
  readonly path: string;
  /**
   * How much of the disk the answers take at most.
   *
   * A size: a number of bytes, or text with a unit, such as `"16KiB"` or `"1MB"`.
   *
   * @default "10GiB"
   */
  readonly maxBytes?: string | number | undefined;
}

/**
 * An etcd cluster, for rate limits, which are exchanged once a second, and what ACME keeps.
 *
 * The section `stores.NAME.etcd`.
 *
 * @example
 * ```ts
 * import type { StoreEtcdInput } from "millrace";
 *
 * const storeEtcd: StoreEtcdInput = { urls: ["https://10.0.0.11:2379", "https://10.0.0.12:2379"] };
 * ```
 */
export interface StoreEtcdInput {
  /**
   * The members of the cluster (etcd 3.4 or later, asked over its JSON gateway). One is asked; if it does not answer,
   * or has no leader, the next.
   *
   * List of URLs.
   */
  readonly urls: readonly string[];
  /**
   * Who logs in.
   *
   * @default none
   */
  readonly user?: string | undefined;
  /**
   * The password of `user`.
   *
   * @default none
   */
  readonly password?: string | undefined;
  /**
   * How the members are verified, and what they are shown.
   *
   * @default what Node.js trusts, for URLs with `https:`
   */
  readonly tls?: UpstreamDiscoveryEtcdTlsInput | undefined;
  /**
   * What all keys begin with.
   *
   * @default "/millrace/"
   */
  readonly prefix?: string | undefined;
}

/**
 * The key/value store of Consul, for rate limits, which are exchanged once a second, and what ACME keeps.
 *
 * The section `stores.NAME.consul`.
 *
 * @example
 * ```ts
 * import type { StoreConsulInput } from "millrace";
 *
 * const storeConsul: StoreConsulInput = { url: "https://127.0.0.1:8501", token: "a-token-of-consul" };
 * ```
 */
export interface StoreConsulInput {
  /**
   * The agent that is asked: the one of this machine, as a rule.
   *
   * @default "http://127.0.0.1:8500"
   */
  readonly url?: string | undefined;
  /**
   * The ACL token that is shown.
   *
   * @default none: as the anonymous token
   */
  readonly token?: string | undefined;
  /**
   * The datacentre that is asked.
   *
   * @default the agent's own
   */
  readonly datacentre?: string | undefined;
  /**
   * How TLS is spoken if the URL is an `https://` one.
   *
   * @default what Node.js trusts, without a certificate of ours
   */
  readonly tls?: UpstreamDiscoveryConsulTlsInput | undefined;
  /**
   * What all keys begin with.
   *
   * @default "millrace/"
   */
  readonly prefix?: string | undefined;
}

/**
 * What happens when there is more to do than can be done.
 *
 * The section `overload`.
 *
 * @example
 * ```ts
 * import type { OverloadInput } from "millrace";
 *
 * const overload: OverloadInput = { maxEventLoopLag: "100ms" };
 * ```
 */
export interface OverloadInput {
  /**
   * How late a proxy thread's event loop may be before requests are refused with 503: more and more of them the later
   * it is. 50ms to 200ms are sensible.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: nothing is refused.
   *
   * @default "0s"
   */
  readonly maxEventLoopLag?: string | undefined;
}

/**
 * Metrics, health, status and reload over HTTP. `{}` serves them on 127.0.0.1:9901; an address alone, such as
 * `":9901"`, stands for a section with that address.
 *
 * The section `admin`.
 *
 * @example
 * ```ts
 * import type { AdminInput } from "millrace";
 *
 * const admin: AdminInput = {
 *   address: "127.0.0.1:9901",
 *   tokens: [{ token: "a-secret-of-32-characters-or-more", role: "write" }],
 * };
 * ```
 */
export interface AdminInput {
  /**
   * Where metrics, health and the API are served: `host:port` or `unix:/path`.
   *
   * Danger: whoever reaches it can read metrics, routes and addresses of endpoints.
   *
   * @default "127.0.0.1:9901"
   */
  readonly address?: string | SocketInput | undefined;
  /**
   * Who may do what. Without tokens, changes are accepted from this machine only.
   *
   * @default []
   */
  readonly tokens?: readonly AdminTokenInput[] | undefined;
}

/**
 * Who may do what. Without tokens, changes are accepted from this machine only.
 *
 * An item of `admin.tokens`.
 *
 * @example
 * ```ts
 * import type { AdminTokenInput } from "millrace";
 *
 * const adminToken: AdminTokenInput = { token: "a-secret-of-32-characters-or-more", role: "write" };
 * ```
 */
export interface AdminTokenInput {
  /** The secret, given as `Authorization: Bearer …`. Keep it out of the file: `"${ADMIN_TOKEN}"`. */
  readonly token: string;
  /**
   * `read` looks, `write` also changes and reloads.
   *
   * @default "read"
   */
  readonly role?: "read" | "write" | undefined;
}

/**
 * What is written where.
 *
 * The section `log`.
 *
 * @example
 * ```ts
 * import type { LogInput } from "millrace";
 *
 * const log: LogInput = { level: "info" };
 * ```
 */
export interface LogInput {
  /**
   * The least important messages that are shown on standard error.
   *
   * @default "info"
   */
  readonly level?: "debug" | "info" | "warn" | "error" | undefined;
  /**
   * The access log: one line for each request. `true` or `{}` writes JSON lines to standard output; off by default.
   *
   * @default off
   */
  readonly access?: boolean | "on" | "off" | AccessLogInput | undefined;
  /**
   * How often a line with requests, errors, rate, average and 99th percentile latency is written to standard error, as
   * JSON if the log is JSON. An interval without traffic has none.
   *
   * A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`. Zero: never.
   *
   * @default "5s"
   */
  readonly stats?: string | undefined;
}

/**
 * The access log: one line for each request. `true` or `{}` writes JSON lines to standard output; off by default.
 *
 * The section `log.access`.
 *
 * @example
 * ```ts
 * import type { AccessLogInput } from "millrace";
 *
 * const accessLog: AccessLogInput = { format: "json", path: "/var/log/millrace/access.log" };
 * ```
 */
export interface AccessLogInput {
  /**
   * One line for each request: `json`, the `common` or `combined` format of web servers, or a `template` of one's own.
   *
   * @default "json"
   */
  readonly format?: "json" | "common" | "combined" | "template" | undefined;
  /**
   * The file, appended to. `-` is standard output; `/dev/stdout`, `/dev/stderr` and `/dev/fd/N` are the descriptors
   * that the process inherited. A named pipe may be without a reader: nothing waits for it, lines are lost and counted.
   *
   * @default "-"
   */
  readonly path?: string | undefined;
  /**
   * The line, with fields in braces: `{method} {target} {status}`. The fields are those of the JSON format.
   *
   * @default none; needed with `format: template`
   */
  readonly template?: string | undefined;
  /**
   * The only query parameters whose values are logged, in targets and referers; `[]` logs none. Without it, all are but
   * those whose names look like a secret's.
   *
   * List of parameters.
   *
   * @default all but secrets
   */
  readonly queryAllow?: readonly string[] | undefined;
}
