/** Turns the flags of `millrace proxy` into a configuration, the same that a file would give. */
import type { ConfigInput } from "../config/config-input.ts";

/** The flags as commander hands them over; absent ones are undefined. */
export interface ProxyFlags {
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

/** The configuration that the flags describe; not yet validated. */
export function buildFlagConfig(endpoints: readonly string[], flags: ProxyFlags): ConfigInput {
  const hasHealth = flags.healthPath !== undefined || flags.healthInterval !== undefined;
  const hasAccessLog = flags.accessLog !== undefined || flags.accessLogPath !== undefined;
  const config = {
    workers: toNumber(flags.workers ?? "auto"),
    ...given("shutdown", { grace: flags.grace }),
    listeners: (flags.listen ?? [":8080"]).map((address) => ({
      address,
      trustedProxies: [...(flags.trustedProxy ?? [])],
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
