/** Turns the flags of `millrace proxy` into a configuration, the same that a file would give. */
import { isLocalName } from "./public-names.ts";
import type { ConfigInput } from "../config/config-input.ts";

/** The flags as commander hands them over; absent ones are undefined. */
export interface ProxyFlags {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly internal?: true;
  readonly email?: string;
  readonly acmeDirectory?: string;
  readonly acmeCa?: string;
  readonly acmeStorage?: string;
  /** False: none. */
  readonly redirect?: string | false;
  readonly listen?: readonly string[];
  readonly backup?: readonly string[];
  readonly balance?: string;
  readonly healthPath?: string;
  readonly healthInterval?: string;
  readonly admin?: string;
  readonly workers?: string;
  readonly accessLog?: string;
  readonly accessLogPath?: string;
  readonly trustedProxy?: readonly string[];
  readonly pipelining?: string;
  readonly retries?: string;
  readonly connectTimeout?: string;
  readonly firstByteTimeout?: string;
  readonly grace?: string;
  readonly logLevel?: string;
  readonly stats?: string;
}

/** What a path in such a configuration came from, for messages: the flag. First match wins. */
export const flagOfPath: readonly (readonly [path: RegExp, flag: string])[] = [
  [/^listeners\[\d+\]\.trustedProxies/, "--trusted-proxy"],
  [/^listeners\[\d+\]\.tls\.redirect/, "--redirect"],
  [/^listeners\[\d+\]\.tls\.certificates.*key/, "--tls-key"],
  [/^listeners\[\d+\]\.tls\.certificates/, "--tls-cert"],
  [/^listeners\[\d+\]\.tls\.acme\.email/, "--email"],
  [/^listeners\[\d+\]\.tls\.acme\.directory/, "--acme-directory"],
  [/^listeners\[\d+\]\.tls\.acme\.ca/, "--acme-ca"],
  [/^listeners\[\d+\]\.tls\.acme\.storage/, "--acme-storage"],
  [/^listeners\[\d+\]\.tls/, "the names"],
  [/^listeners\[\d+\]/, "--listen"],
  [/^upstreams\.default\.endpoints/, "the endpoints"],
  [/^upstreams\.default\.balance/, "--balance"],
  [/^upstreams\.default\.health\.interval/, "--health-interval"],
  [/^upstreams\.default\.health/, "--health-path"],
  [/^upstreams\.default\.pool\.pipelining/, "--pipelining"],
  [/^upstreams\.default\.retry/, "--retries"],
  [/^upstreams\.default\.timeouts\.connect/, "--connect-timeout"],
  [/^upstreams\.default\.timeouts\.firstByte/, "--first-byte-timeout"],
  [/^admin/, "--admin"],
  [/^workers/, "--workers"],
  [/^log\.access\.path/, "--access-log-path"],
  [/^log\.access/, "--access-log"],
  [/^log\.level/, "--log-level"],
  [/^log\.stats/, "--stats"],
  [/^shutdown\.grace/, "--grace"],
];

/** `localhost:8081` and `:8081` as the URLs they mean; anything else as it is, for the validation to judge. */
export function toEndpointUrl(text: string): string {
  if (/^:?\d{1,5}$/.test(text)) return `http://localhost:${text.replace(":", "")}`;
  return /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i.test(text) ? `http://${text}` : text;
}

/** A whole number stays text when it is none, so that the validation names the mistake. */
function toNumber(text: string): number | string {
  return /^-?\d+$/.test(text) ? Number(text) : text;
}

/**
 * The `tls` section that names and flags describe; null = plain HTTP. Certificates come from files, else from the local
 * authority if only that can certify the names, else from a public one.
 */
function toTls(names: readonly string[], flags: ProxyFlags): object | null {
  const hasFiles = flags.tlsCert !== undefined || flags.tlsKey !== undefined;
  if (names.length === 0 && !hasFiles && flags.internal !== true) return null;
  // Who chooses the port of HTTPS chooses that of HTTP, too.
  const redirect = flags.redirect ?? (flags.listen === undefined ? ":80" : false);
  const rest = redirect === false ? {} : { redirect };
  if (hasFiles) return { certificates: [withoutAbsent({ cert: flags.tlsCert, key: flags.tlsKey })], ...rest };
  if (flags.internal === true || names.every(isLocalName)) return { internal: { names }, ...rest };
  const { email, acmeDirectory: directory, acmeCa: ca, acmeStorage: storage } = flags;
  return { acme: { domains: names, ...withoutAbsent({ email, directory, ca, storage }) }, ...rest };
}

/** The configuration that the flags describe; not yet validated. @param names are served over HTTPS */
export function buildFlagConfig(
  endpoints: readonly string[],
  flags: ProxyFlags,
  names: readonly string[] = [],
): ConfigInput {
  const tls = toTls(names, flags);
  const hasHealth = flags.healthPath !== undefined || flags.healthInterval !== undefined;
  const hasAccessLog = flags.accessLog !== undefined || flags.accessLogPath !== undefined;
  const config = {
    workers: toNumber(flags.workers ?? "auto"),
    ...given("shutdown", { grace: flags.grace }),
    listeners: (flags.listen ?? [tls === null ? ":8080" : ":443"]).map((address) => ({
      address,
      trustedProxies: [...(flags.trustedProxy ?? [])],
      ...(tls !== null && { tls }),
    })),
    routes: [{ name: "default", upstream: "default" }],
    upstreams: {
      default: {
        endpoints: [
          ...endpoints.map(toEndpointUrl),
          ...(flags.backup ?? []).map((url) => ({ url: toEndpointUrl(url), backup: true })),
        ],
        ...withoutAbsent({ balance: flags.balance }),
        ...(hasHealth ? { health: withoutAbsent({ path: flags.healthPath, interval: flags.healthInterval }) } : {}),
        ...given("retry", { attempts: flags.retries === undefined ? undefined : toNumber(flags.retries) }),
        ...given("pool", { pipelining: flags.pipelining === undefined ? undefined : toNumber(flags.pipelining) }),
        ...given("timeouts", { connect: flags.connectTimeout, firstByte: flags.firstByteTimeout }),
      },
    },
    ...given("admin", { address: flags.admin }),
    log: {
      ...withoutAbsent({ level: flags.logLevel, stats: flags.stats }),
      ...(hasAccessLog && flags.accessLog !== "off"
        ? { access: withoutAbsent({ format: flags.accessLog, path: flags.accessLogPath }) }
        : {}),
    },
  };
  // Flags are text that the validation has yet to see; the shape is right, the values may not be.
  return config as unknown as ConfigInput;
}

function withoutAbsent(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** A section under `key`, left out if nothing in it is given. */
function given(key: string, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const present = withoutAbsent(values);
  return Object.keys(present).length === 0 ? {} : { [key]: present };
}
