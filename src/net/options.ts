/** The options of a listener. Schema and documentation; the normal form is `ListenerOptions`. */
import * as z from "zod";
import {
  choice,
  count,
  documented,
  duration,
  maybe,
  nameSchema,
  oneOrMore,
  optionalDuration,
  section,
  size,
} from "../base/option-schema.ts";
import { listenAddressSchema } from "./listen-address-options.ts";
import { trustedSchema } from "./network-options.ts";
import { proxyProtocolSchema } from "./proxy-protocol/options.ts";
import type { ListenAddress } from "./listen-address.ts";
import type { HttpsRedirectOptions } from "./tls/https-options.ts";
import { listenerTlsSchema } from "./tls/options.ts";

/** The schema of a listener. */
export const listenerSchema = section(
  {
    name: documented(maybe(nameSchema), {
      about: "How logs and metrics call this listener.",
      defaultText: "its address",
    }),
    address: documented(listenAddressSchema, {
      kind: "address",
      about:
        'Where connections are accepted: `host:port`, `:port` (every address, IPv6 and IPv4), `unix:/path`, `{ unix: /path, mode: "0660" }` (its permissions; owner and group unless you say otherwise), or `fd:3` or `fd:name` for a socket passed on by systemd, which one thread serves. Port 0 takes any free port.',
    }),
    mode: documented(choice(["http", "tcp", "udp"]).prefault("http"), {
      about:
        "What is spoken. `http`: HTTP. `tcp`: anything; the bytes pass unread, to the upstream of a route whose `match` names this listener or the server name (SNI) that the client's TLS asks for. `udp`: datagrams, to the upstream of a route that names this listener; those of one client address and port are a session.",
    }),
    trustedProxies: documented(oneOrMore(trustedSchema).prefault([]), {
      kind: "list of networks",
      about:
        "The networks whose `X-Forwarded-*` and `Forwarded` fields are believed; `unix` is whoever connects to the listener's Unix socket. Nobody's by default: then these fields are replaced by what this proxy sees itself.",
      danger: "everyone in these networks, or who may write to the socket, can claim any client address.",
    }),
    proxyProtocol: documented(proxyProtocolSchema, {
      about:
        "Takes PROXY headers (versions 1 and 2) from the load balancers in `trusted`, who must send one; the address in it is the client's, for everything. Others connect without a header.",
    }),
    limits: documented(
      section({
        headBytes: size(
          "16KiB",
          {
            about:
              "The longest request head, request line included; 431 above it (414 if the request line alone is too long).",
          },
          { min: 256, max: 1 << 20 },
        ),
        headFields: count(
          100,
          { about: "The most header fields in a request; 431 above it." },
          { min: 1, max: 10_000 },
        ),
        connections: count(
          0,
          {
            about:
              "The most client connections at a time, over all threads; more are closed as they come. With `mode: udp`, the most sessions.",
            zero: "no limit; with `mode: udp` 10,000",
          },
          { min: 0, max: 10_000_000 },
        ),
        requestsPerConnection: count(
          0,
          { about: "The most requests on one connection, which is then closed after the answer.", zero: "no limit" },
          { min: 0, max: 1_000_000_000 },
        ),
        bodyBytes: size("0", {
          about: "The longest request body; 413 above it.",
          zero: "no limit: bodies are streamed, never held",
        }),
      }).prefault({}),
      { about: "What one client may use." },
    ),
    timeouts: documented(
      section({
        head: duration("10s", {
          about:
            "How long a client may take for a request head, from its first byte; 408 after it. With `mode: tcp`, for the ClientHello if routes go by `sni`.",
        }),
        body: duration("60s", {
          about: "The longest pause in a request body; every byte starts it again. 408 after it.",
        }),
        write: duration("60s", {
          about:
            "How long a client may take nothing of its answer; every byte taken, or sent meanwhile, starts it again. The connection is closed after it.",
        }),
        keepAlive: duration("75s", { about: "How long an idle connection is kept for the next request." }),
        idle: optionalDuration({
          about:
            "How long nothing may move in either direction of a session with `mode: tcp`, whose connections are reset after it, or `udp`. A peer of TCP that is gone is noticed earlier, by keep-alive.",
          zero: "no limit",
          defaultText: "1h; with `mode: udp` 30s",
        }),
      }).prefault({}),
      { about: "How long clients may take." },
    ),
    tls: documented(maybe(listenerTlsSchema), {
      defaultText: "off",
      about: "TLS: connections are HTTPS. Certificates, their choice, and what is asked of clients.",
    }),
  },
  ["http2"],
);

/**
 * A listener in normal form: all defaults filled in, durations in milliseconds, sizes in bytes. `name` is null until
 * the whole configuration is read.
 */
export type ListenerSectionOptions = z.output<typeof listenerSchema>;

/** A listener of a complete configuration. */
export type ListenerOptions = Omit<ListenerSectionOptions, "name"> & {
  name: string;
  /** It only sends clients to a listener with TLS; null = it serves routes. */
  redirect: HttpsRedirect | null;
};

/** Where a listener sends its clients. */
export interface HttpsRedirect {
  /** The address of the listener with TLS. */
  readonly to: ListenAddress;
  /** Null = that of the address, or the one that it was given by the system. */
  readonly port: number | null;
  readonly status: HttpsRedirectOptions["status"];
  /** That listener asks clients for certificates, at some host at least: nobody may come past it. */
  readonly isStrict: boolean;
}

/** `listeners`, and those for plain HTTP that `tls.redirect` of them asks for, which have no name yet. */
export function withRedirects(
  listeners: readonly ListenerSectionOptions[],
): (ListenerSectionOptions & Pick<ListenerOptions, "redirect">)[] {
  const plain = listeners.map((listener) => ({ ...listener, redirect: null }));
  const redirecting = listeners.flatMap((listener) => {
    const { tls } = listener;
    if (tls == null || tls.redirect === null) return [];
    const { address, port, status } = tls.redirect;
    const isStrict = tls.clientAuth !== null || tls.hosts.length > 0;
    return { ...listener, name: null, address, tls: null, redirect: { to: listener.address, port, status, isStrict } };
  });
  return [...plain, ...redirecting];
}
