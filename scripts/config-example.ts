/**
 * A configuration in which every section stands at least once. The interfaces show parts of it as examples; a test reads
 * it with the schemas, the compiler with the interfaces.
 */
import type { ConfigInput } from "../src/config/config-input.ts";

export const configExample: ConfigInput = {
  workers: "auto",
  zone: "eu-1a",
  shutdown: { grace: "30s", delay: "5s" },
  listeners: [
    {
      name: "public",
      address: ":8080",
      trustedProxies: ["10.0.0.0/8"],
      proxyProtocol: { trusted: ["10.1.0.0/16"] },
      limits: { connections: 10_000, bodyBytes: "10MiB" },
      timeouts: { head: "5s", keepAlive: "30s" },
    },
    { address: { unix: "/run/millrace.sock", mode: "0660" } },
    {
      name: "secure",
      address: ":8443",
      tls: {
        certificates: [{ cert: "example.com.pem", key: "example.com.key" }],
        internal: { names: ["app.internal"] },
        minVersion: "1.3",
        unknownName: "refuse",
        clientAuth: { ca: "staff.pem", mode: "request", crl: "staff.crl" },
        hosts: [{ host: "admin.example.com", clientAuth: { ca: "admins.pem" } }],
        tickets: { lifetime: "6h", secret: "tickets.key" },
        acme: {
          email: "me@example.com",
          domains: ["example.com", ["example.org", "*.example.org"]],
          directory: [
            "letsencrypt",
            {
              url: "https://ca.example.net/directory",
              eab: { keyId: "kid-1", hmacKey: "zWNDZM6eQGHWpSRTPal5eIUYFTu7Eaj" },
            },
          ],
          challenge: "dns-01",
          dns: { hook: ["/usr/local/bin/dns-record", "example"], wait: "1m", resolvers: ["192.0.2.53"] },
          storage: { etcd: { urls: ["http://127.0.0.1:2379"] } },
          onDemand: { ask: "http://127.0.0.1:9000/allowed", rate: "5/m" },
        },
        redirect: { address: ":80", port: 443 },
        hsts: { maxAge: "730d", includeSubdomains: true },
      },
    },
    {
      name: "office",
      address: ":8444",
      tls: {
        acme: {
          domains: ["office.example.com"],
          directory: "https://ca.internal/directory",
          ca: "ca.pem",
          eab: { keyId: "kid-1", hmacKey: "zWNDZM6eQGHWpSRTPal5eIUYFTu7Eaj" },
          storage: { redis: { url: "redis://127.0.0.1:6379" } },
        },
      },
    },
    { name: "redis", address: ":6379", mode: "tcp", timeouts: { idle: "10m" } },
  ],
  routes: [
    {
      name: "api",
      match: { host: ["example.com", "*.example.com"], path: "/v1/*", header: { "x-canary": "1" } },
      middlewares: [
        { rateLimit: { rate: "100/s", burst: 200, key: "clientIp" } },
        {
          cache: {
            store: "memory",
            maxBytes: "1GiB",
            key: { ignoreQuery: ["utm_*"], headers: ["x-site"], cookies: ["language"] },
            staleIfError: "1h",
            heuristics: { fraction: "10%", max: "1d" },
            negative: { "404": "10s" },
            collapse: { timeout: "5s" },
          },
        },
        { bodyLimit: { maxRequestBytes: "1MiB" } },
        { headers: { request: { set: { "x-env": "prod" } }, response: { remove: ["server"] } } },
        { rewrite: { stripPrefix: "/v1" } },
        { buffer: { maxRequestBytes: "1MiB" } },
        { compress: { codings: ["zstd", "br", "gzip"], minBytes: "1KiB", levels: { br: 4 } } },
        { decompress: { maxRatio: 200 } },
        {
          fault: {
            delay: { percent: 5, duration: "200ms" },
            abort: { percent: 1, status: 503 },
            bandwidth: { percent: 1, bytesPerSecond: "64KiB" },
          },
        },
      ],
      timeouts: { total: "30s", firstByte: "10s" },
      upstream: "api",
    },
    { match: { path: "/old/*" }, redirect: { to: "https://example.com{path}", status: 308 } },
    { match: { path: "/ping" }, respond: { status: 200, body: "pong" } },
    { match: { path: "/files/*" }, upstream: "files" },
    { match: { listener: "redis" }, upstream: "redis" },
    { match: { path: "/partner/*" }, upstream: "partner" },
  ],
  upstreams: {
    api: {
      endpoints: ["http://10.0.0.1:8081", { url: "http://10.0.0.2:8081", weight: 5, zone: "eu-1a" }],
      balance: { ringHash: { key: "header:x-user", balanceFactor: 125 } },
      health: { path: "/health", interval: "5s", expect: "200-299" },
      outlier: { consecutiveErrors: 5, ejection: "10s" },
      breaker: { errorPercent: 50, minRequests: 20, open: "10s" },
      retry: { attempts: 2, on: ["connect", "reset", 503] },
      limits: { maxRequests: 500, maxPending: 1_000, adaptive: { minRequests: 16 } },
      hedge: { after: "200ms" },
      pool: { maxIdle: 64, pipelining: 4 },
      timeouts: { connect: "1s", firstByte: "10s" },
    },
    files: {
      endpoints: ["unix:/run/files.sock"],
      balance: { maglev: { key: "path" } },
      sticky: { cookie: { name: "files", maxAge: "1h" } },
    },
    pods: {
      discovery: {
        kubernetes: {
          service: "app",
          namespace: "production",
          port: "http",
          apiServer: "https://10.0.0.1:6443",
          tokenFile: "/etc/millrace/cluster-token",
          tls: { ca: "/etc/millrace/cluster-ca.pem" },
        },
      },
    },
    redis: {
      endpoints: ["tcp://10.0.0.3:6379", { url: "tcp://10.0.0.4:6379", backup: true }],
      balance: "least-connections",
      health: { tcp: { send: "PING\r\n", expect: "PONG" } },
    },
    live: {
      discovery: {
        etcd: {
          urls: ["https://10.0.0.1:2379", "https://10.0.0.2:2379", "https://10.0.0.3:2379"],
          prefix: "/services/live/",
          user: "millrace",
          password: "a-secret",
          tls: { ca: "/etc/millrace/etcd-ca.pem" },
        },
      },
    },
    found: { discovery: { file: "endpoints.yaml", hold: "1m", lastGood: "/var/lib/millrace/discovery" } },
    named: { discovery: { dns: { name: "_http._tcp.api.internal", type: "SRV", servers: ["127.0.0.1:8600"] } } },
    orders: {
      discovery: {
        consul: {
          url: "https://127.0.0.1:8501",
          service: "orders",
          tags: ["v2"],
          token: "a-token-of-consul",
          tls: { ca: "/etc/consul.d/ca.pem" },
        },
      },
    },
    contained: {
      discovery: { docker: { labels: ["com.docker.compose.service=api"], network: "backend", port: 8080 } },
    },
    secured: {
      discovery: {
        docker: {
          host: "tcp://10.0.0.1:2376",
          tls: { ca: "/etc/docker/ca.pem", cert: "/etc/docker/cert.pem", key: "/etc/docker/key.pem" },
        },
      },
    },
    listed: {
      discovery: {
        http: {
          url: "https://registry.internal/endpoints",
          headers: { "x-environment": "staging" },
          token: "a-token-of-the-registry",
          tls: { ca: "/etc/millrace/registry-ca.pem" },
        },
      },
    },
    partner: {
      endpoints: ["https://api.partner.example"],
      tls: { ca: "/etc/millrace/partner-ca.pem", cert: "/etc/millrace/client.pem", key: "/etc/millrace/client.key" },
    },
  },
  stores: {
    own: { memory: { maxBytes: "64MiB" } },
    disk: { disk: { path: "/var/cache/millrace", maxBytes: "10GiB" } },
    shared: { redis: { url: "redis://127.0.0.1:6379", timeout: "20ms" } },
    cluster: { etcd: { urls: ["https://10.0.0.11:2379", "https://10.0.0.12:2379"], tls: { ca: "/etc/etcd/ca.pem" } } },
    agent: {
      consul: { url: "https://127.0.0.1:8501", token: "a-token-of-consul", tls: { ca: "/etc/consul.d/ca.pem" } },
    },
  },
  overload: { maxEventLoopLag: "100ms" },
  admin: { address: "127.0.0.1:9901", tokens: [{ token: "a-secret-of-32-characters-or-more", role: "write" }] },
  log: { level: "info", access: { format: "json", path: "/var/log/millrace/access.log" } },
};

/** What of it stands at `path`, written as in the reference (`routes[].match`); undefined if there is nothing. */
export function exampleAt(path: string): Readonly<Record<string, unknown>> | undefined {
  let found: unknown[] = [configExample];
  for (const step of path.replaceAll("[]", ".[]").split(".")) {
    if (step === "") continue;
    found = found.flatMap((value) => {
      if (step === "[]") return Array.isArray(value) ? (value as unknown[]) : [];
      if (typeof value !== "object" || value === null) return [];
      return step === "NAME" ? Object.values(value) : [(value as Record<string, unknown>)[step]];
    });
  }
  return found.find(
    (value): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value),
  );
}

/** The example as a program that names its type; what has an interface of its own is left out if something is left. */
export function exampleProgram(name: string, example: object, isKept: (key: string) => boolean): string[] {
  const plain = Object.fromEntries(Object.entries(example).filter(([key]) => isKept(key)));
  const shown = Object.keys(plain).length > 0 ? plain : example;
  const variable = name.replace(/Input$/, "").replace(/^./, (letter) => letter.toLowerCase());
  const statement = `const ${variable}: ${name} = ${print(shown, "")};`;
  return ["@example", "```ts", `import type { ${name} } from "millrace";`, "", ...statement.split("\n"), "```"];
}

/** A value as TypeScript, laid out as the formatter would. */
function print(value: unknown, indent: string): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const line = JSON.stringify(value, null, 1)
    .replace(/\n */g, " ")
    .replace(/"(\w+)":/g, "$1:");
  const short = Array.isArray(value) ? line.replace(/^\[ (.*) \]$/, "[$1]") : line;
  if (short.length + indent.length < 90) return short.replace(/\[ ([^[\]]*) \]/g, "[$1]");
  const inner = `${indent}  `;
  const members = Array.isArray(value)
    ? value.map((item) => print(item, inner))
    : Object.entries(value).map(
        ([key, member]) => `${/^\w+$/.test(key) ? key : JSON.stringify(key)}: ${print(member, inner)}`,
      );
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${members.map((member) => `${inner}${member},\n`).join("")}${indent}${close}`;
}
