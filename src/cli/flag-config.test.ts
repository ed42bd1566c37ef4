import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "../config/parse-config.ts";
import { buildFlagConfig, flagOfPath, toEndpointUrl } from "./flag-config.ts";

for (const [text, url] of [
  [":8081", "http://localhost:8081"],
  ["8081", "http://localhost:8081"],
  ["localhost:8081", "http://localhost:8081"],
  ["10.0.0.1:80", "http://10.0.0.1:80"],
  ["api.internal", "http://api.internal"],
  ["[::1]:8081", "http://[::1]:8081"],
  ["http://localhost:8081", "http://localhost:8081"],
  ["unix:/run/api.sock", "unix:/run/api.sock"],
  ["https://localhost", "https://localhost"],
  ["what is this", "what is this"],
] as const) {
  test(`the endpoint ${text} is ${url}`, () => assert.equal(toEndpointUrl(text), url));
}

test("without flags the defaults of the configuration hold", () => {
  const config = parseConfig(buildFlagConfig([":8081"], {}));
  const upstream = config.upstreams["default"];
  assert.equal(config.workers, "auto");
  assert.deepEqual(
    config.listeners.map((listener) => listener.address),
    [{ kind: "tcp", host: null, port: 8080 }],
  );
  assert.equal(upstream?.balance, "round-robin");
  assert.equal(upstream?.health, null);
  assert.equal(config.admin, null);
  assert.equal(config.log.access, null);
});

test("every flag arrives in the configuration", () => {
  const config = parseConfig(
    buildFlagConfig(["http://10.0.0.1:1", "http://10.0.0.2:2"], {
      listen: ["127.0.0.1:0", "unix:/tmp/m.sock"],
      backup: [":3"],
      balance: "least-connections",
      healthPath: "/health",
      healthInterval: "7s",
      admin: "127.0.0.1:1234",
      workers: "2",
      accessLog: "combined",
      accessLogPath: "/tmp/access.log",
      trustedProxy: ["10.0.0.0/8"],
      pipelining: "8",
      retries: "1",
      connectTimeout: "1s",
      firstByteTimeout: "2s",
      grace: "3s",
      logLevel: "warn",
      stats: "0s",
    }),
  );
  const upstream = config.upstreams["default"];
  assert.equal(config.listeners.length, 2);
  assert.deepEqual(config.listeners[0]?.trustedProxies, ["10.0.0.0/8"]);
  assert.deepEqual(
    upstream?.endpoints.map((endpoint) => [endpoint.url, endpoint.backup]),
    [
      ["http://10.0.0.1:1", false],
      ["http://10.0.0.2:2", false],
      ["http://localhost:3", true],
    ],
  );
  assert.equal(upstream?.balance, "least-connections");
  assert.equal(upstream?.health?.path, "/health");
  assert.equal(upstream?.health?.interval, 7000);
  assert.deepEqual(config.admin?.address, { kind: "tcp", host: "127.0.0.1", port: 1234 });
  assert.equal(config.workers, 2);
  assert.deepEqual(config.log.access, {
    format: "combined",
    path: "/tmp/access.log",
    template: null,
    queryAllow: null,
  });
  assert.equal(upstream?.pool.pipelining, 8);
  assert.equal(upstream?.retry.attempts, 1);
  assert.deepEqual([upstream?.timeouts.connect, upstream?.timeouts.firstByte], [1000, 2000]);
  assert.equal(config.shutdown.grace, 3000);
  assert.deepEqual([config.log.level, config.log.stats], ["warn", 0]);
});

test("a number that is none is left for the validation to name", () => {
  assert.throws(() => parseConfig(buildFlagConfig([":1"], { workers: "many" })), /workers/);
});

/** What the first listener has of TLS, by where its certificates come from and where it is redirected from. */
function tlsOf(flags: Parameters<typeof buildFlagConfig>[1], names: readonly string[] = []): unknown {
  const [listener] = parseConfig(buildFlagConfig([":8081"], flags, names)).listeners;
  const { address, tls } = listener!;
  const port = address.kind === "tcp" ? address.port : 0;
  if (tls === null) return [port];
  const source = tls.acme !== null ? "acme" : tls.internal !== null ? "internal" : tls.certificates[0]?.cert;
  const from = tls.redirect?.address;
  return [port, source, from?.kind === "tcp" ? from.port : null];
}

test("names are served over HTTPS, by the authority that can certify them", () => {
  assert.deepEqual(tlsOf({}), [8080]);
  assert.deepEqual(tlsOf({}, ["www.example.com"]), [443, "acme", 80]);
  assert.deepEqual(tlsOf({}, ["localhost", "app.test"]), [443, "internal", 80]);
  assert.deepEqual(tlsOf({ internal: true }, ["www.example.com"]), [443, "internal", 80]);
  assert.deepEqual(tlsOf({ internal: true }), [443, "internal", 80]);
  assert.deepEqual(tlsOf({ tlsCert: "a.pem", tlsKey: "a.key" }, ["www.example.com"]), [443, "a.pem", 80]);
});

test("who chooses the port of HTTPS chooses that of the redirect, too", () => {
  assert.deepEqual(tlsOf({ listen: [":8443"] }, ["localhost"]), [8443, "internal", null]);
  assert.deepEqual(tlsOf({ listen: [":8443"], redirect: ":8080" }, ["localhost"]), [8443, "internal", 8080]);
  assert.deepEqual(tlsOf({ redirect: false }, ["localhost"]), [443, "internal", null]);
});

test("flags of ACME arrive, and what is wrong with them is told by flag", () => {
  const flags = { email: "me@example.com", acmeDirectory: "letsencrypt-staging", acmeCa: "ca.pem", acmeStorage: "/s" };
  const [listener] = parseConfig(buildFlagConfig([":8081"], flags, ["www.example.com"])).listeners;
  const acme = listener?.tls?.acme;
  assert.deepEqual([acme?.email, acme?.ca, acme?.storage], ["me@example.com", "ca.pem", "/s"]);
  assert.match(JSON.stringify(acme?.directory), /acme-staging-v02/);
  for (const [path, flag] of [
    ["listeners[0].tls.acme.email", "--email"],
    ["listeners[0].tls.acme.directory", "--acme-directory"],
    ["listeners[0].tls.redirect", "--redirect"],
    ["listeners[0].tls.certificates[0].key", "--tls-key"],
    ["listeners[0].address", "--listen"],
  ] as const)
    assert.equal(flagOfPath.find(([pattern]) => pattern.test(path))?.[1], flag, path);
});
