/** What is measured: the load of each scenario and who takes part in it. */
import type { LoadRequest } from "./wrk.ts";

export interface LoadScenario extends LoadRequest {
  name: string;
  title: string;
  /** Bytes of the answer to the correctness check. */
  responseBytes: number;
  /** Proxy threads per participant; one entry a participant name suffix. */
  threads: readonly number[];
  /** Participants, by name; null: every proxy, in its plain configuration. */
  peers: readonly string[] | null;
  /** Nobody reads what passes, and so nobody adds forwarding fields. */
  isUnread?: boolean;
}

/** Names of everything `--only` accepts, in the order it runs. */
export const scenarioNames = [
  "small",
  "10k",
  "1m",
  "post",
  "connect",
  "threads",
  "tcp-1m",
  "tcp-post",
  "tcp-small",
  "cache-10k",
  "gzip-10k",
  "gzip-100k",
  "zstd-100k",
  "idle",
  "startup",
  "memory",
  "routes",
  "tls-small",
  "tls-100k",
  "tls-1m",
  "tls-full",
  "tls-resumed",
  "tls-idle",
] as const;
export type ScenarioName = (typeof scenarioNames)[number];

const get = {
  method: "GET",
  bodyBytes: 0,
  newConnections: false,
  connections: 64,
  threads: [1],
  peers: null,
  tls: "none",
} as const;
const getSecurely = { ...get, tls: "keep", peers: ["nginx", "millrace"] } as const;
const handshake = { ...getSecurely, path: "/small", newConnections: true, connections: 16, responseBytes: 23 } as const;
const everyVariant = [
  "nginx",
  "haproxy",
  "millrace",
  "millrace-pipelining",
  "millrace-log",
  "go",
  "go-pooled",
  "caddy",
  "http-proxy",
];

const getText = {
  ...get,
  connections: 16,
  acceptEncoding: "gzip",
  peers: ["nginx-gzip", "caddy-encode", "millrace-compress"],
} as const;
const tcp = { peers: ["haproxy-tcp", "millrace-tcp"], isUnread: true } as const;

export const loadScenarios: readonly LoadScenario[] = [
  {
    ...get,
    name: "small",
    title: "small response, 64 connections",
    path: "/small",
    responseBytes: 23,
    peers: everyVariant,
  },
  { ...get, name: "10k", title: "10 KiB response", path: "/10k", responseBytes: 10 * 1024 },
  { ...get, name: "1m", title: "1 MiB response", path: "/1m", responseBytes: 1024 * 1024, connections: 16 },
  {
    ...get,
    name: "post",
    title: "POST of 64 KiB",
    path: "/upload",
    method: "POST",
    bodyBytes: 64 * 1024,
    responseBytes: 9,
  },
  {
    ...get,
    name: "connect",
    title: "new connection per request",
    path: "/small",
    newConnections: true,
    responseBytes: 23,
  },
  {
    ...get,
    name: "threads",
    title: "small response, 1 and 2 threads",
    path: "/small",
    responseBytes: 23,
    threads: [1, 2],
    peers: ["nginx", "haproxy", "millrace"],
  },
  { ...getSecurely, name: "tls-small", title: "TLS: small response", path: "/small", responseBytes: 23 },
  { ...getSecurely, name: "tls-100k", title: "TLS: 100 KiB response", path: "/100k", responseBytes: 100 * 1024 },
  {
    ...getSecurely,
    name: "tls-1m",
    title: "TLS: 1 MiB response",
    path: "/1m",
    responseBytes: 1024 * 1024,
    connections: 16,
  },
  { ...handshake, name: "tls-full", title: "TLS: full handshake and a request", tls: "full" },
  { ...handshake, name: "tls-resumed", title: "TLS: resumed handshake and a request", tls: "resumed" },
  {
    ...get,
    ...tcp,
    name: "tcp-1m",
    title: "TCP: 1 MiB response",
    path: "/1m",
    responseBytes: 1024 * 1024,
    connections: 16,
  },
  {
    ...get,
    ...tcp,
    name: "tcp-post",
    title: "TCP: POST of 64 KiB",
    path: "/upload",
    method: "POST",
    bodyBytes: 64 * 1024,
    responseBytes: 9,
  },
  { ...get, ...tcp, name: "tcp-small", title: "TCP: small response", path: "/small", responseBytes: 23 },
  {
    ...get,
    name: "cache-10k",
    title: "10 KiB from the cache",
    path: "/cached/10k",
    responseBytes: 10 * 1024,
    peers: ["nginx-cache", "varnish", "millrace-cache"],
  },
  { ...getText, name: "gzip-10k", title: "10 KiB of JSON in gzip", path: "/text/10k", responseBytes: 10 * 1024 },
  { ...getText, name: "gzip-100k", title: "100 KiB of JSON in gzip", path: "/text/100k", responseBytes: 100 * 1024 },
  {
    ...getText,
    name: "zstd-100k",
    title: "100 KiB of JSON in zstd",
    path: "/text/100k",
    responseBytes: 100 * 1024,
    acceptEncoding: "zstd",
    peers: ["caddy-encode", "millrace-compress"],
  },
];

/** Proxies of the scenarios that name none: one configuration each. */
export const plainPeers: readonly string[] = ["nginx", "haproxy", "millrace", "go", "caddy", "http-proxy"];
