import assert from "node:assert/strict";
import { test } from "node:test";
import { findConfigWarnings } from "./config-warnings.ts";
import { parseConfig } from "./parse-config.ts";
import type { ConfigInput } from "./config-input.ts";

const endpoints = ["http://127.0.0.1:1"];
const unix = { address: "unix:/run/a.sock" };

function warningsOf(config: Partial<ConfigInput>): string[] {
  return findConfigWarnings(
    parseConfig({
      listeners: [unix],
      routes: [{ name: "r", upstream: "u" }],
      upstreams: { u: { endpoints } },
      ...config,
    }),
  );
}

for (const [rule, config] of [
  ["`match.clientIp` of route r", { routes: [{ name: "r", match: { clientIp: ["10.0.0.0/8"] }, upstream: "u" }] }],
  ["`rateLimit` of route r", { routes: [{ name: "r", middlewares: [{ rateLimit: { rate: "1/s" } }], upstream: "u" }] }],
  ["`balance` of upstream u", { upstreams: { u: { endpoints, balance: "ip-hash" } } }],
  ["`balance` of upstream u", { upstreams: { u: { endpoints, balance: { ringHash: {} } } } }],
  ["`balance` of upstream u", { upstreams: { u: { endpoints, balance: { maglev: { key: "clientIp" } } } } }],
  ["`sticky` of upstream u", { upstreams: { u: { endpoints, sticky: { key: "clientIp" } } } }],
] as const satisfies [string, Partial<ConfigInput>][]) {
  test(`${rule} is warned of if clients come by a Unix socket, and only there: ${JSON.stringify(config)}`, () => {
    const [warning, ...others] = warningsOf(config);
    assert.ok(warning !== undefined);
    assert.match(warning, /^clients of unix:\/run\/a\.sock have no address/);
    assert.ok(warning.includes(`to ${rule};`), warning);
    assert.deepEqual(others, []);
    assert.equal(
      warningsOf({ ...config, listeners: [unix, { address: ":80" }, { address: "unix:/run/b.sock" }] }).length,
      2,
    );
    for (const listener of [{ ...unix, trustedProxies: ["unix"] }, { address: ":80" }])
      assert.deepEqual(warningsOf({ ...config, listeners: [listener] }), []);
  });
}

test("what does not go by addresses is not warned of", () => {
  assert.deepEqual(warningsOf({}), []);
  assert.deepEqual(
    warningsOf({
      routes: [{ middlewares: [{ rateLimit: { rate: "1/s", key: "route" } }], upstream: "u" }],
      upstreams: { u: { endpoints, balance: { ringHash: { key: "path" } }, sticky: { cookie: {} } } },
    }),
    [],
  );
});

test("of many rules a few are named", () => {
  const routes = Array.from({ length: 9 }, (_, at) => ({
    name: `r${at}`,
    match: { path: `/${at}`, clientIp: ["10.0.0.0/8"] },
    upstream: "u",
  }));
  assert.match(
    warningsOf({ routes })[0]!,
    /route r0, `match\.clientIp` of route r1, `match\.clientIp` of route r2, 6 more;/,
  );
});

test("endpoints that may be anybody are warned of", () => {
  const of = (tls: object): string[] =>
    warningsOf({
      listeners: [{ address: ":80" }],
      upstreams: { u: { endpoints: ["https://a.test"], tls } },
    } as unknown as Partial<ConfigInput>);
  assert.deepEqual(of({}), []);
  assert.match(of({ verify: false }).join(), /^the endpoints of upstream u may be anybody/);
});

test("a source of endpoints that may be anybody is warned of", () => {
  const of = (tls: object): string[] =>
    warningsOf({
      listeners: [{ address: ":80" }],
      upstreams: { u: { discovery: { http: { url: "https://a.test", tls } } } },
    } as unknown as Partial<ConfigInput>);
  assert.deepEqual(of({}), []);
  assert.match(
    of({ verify: false }).join(),
    /which endpoints upstream u has: with `discovery\.http\.tls\.verify: false`/,
  );
});

test("an authority that can reach no listener is warned of", () => {
  const warnings = (address: string, acme: object, ...others: object[]): string[] =>
    warningsOf({
      listeners: [{ name: "web", address, tls: { acme: { domains: ["a.example.com"], ...acme } } }, ...others] as never,
    });
  const [warning, ...more] = warnings(":8443", {});
  assert.match(warning ?? "", /^nobody may be able to prove the names of web: .* port 443 .* or 80/);
  assert.deepEqual(more, []);
  assert.equal(warnings(":8443", { challenge: "tls-alpn-01" }, { address: ":80" }).length, 1);
  assert.equal(warnings(":80", { challenge: "tls-alpn-01" }).length, 1);
  const dns = { hook: ["true"] };
  for (const reached of [
    warnings(":443", {}),
    warnings(":8443", {}, { address: ":80" }),
    warnings(":8443", {}, { address: "fd:3" }),
    warnings(":8443", { challenge: ["http-01", "dns-01"], dns }),
    warnings(":8443", { directory: "https://127.0.0.1:14000/dir" }),
    warnings(":8443", { directory: ["https://localhost/dir", { url: "https://[::1]/dir" }] }),
  ])
    assert.deepEqual(reached, []);
});

test("a cache is warned of if it shares what is for one client, or keeps a limit from counting", () => {
  const warningsOfList = (...middlewares: object[]): string[] =>
    warningsOf({ listeners: [{ address: ":80" }], routes: [{ name: "r", middlewares, upstream: "u" }] } as never);
  const rateLimit = { rate: "1/s" };
  assert.deepEqual(warningsOfList({ rateLimit }, { cache: {} }), []);
  assert.match(warningsOfList({ cache: {} }, { rateLimit }).join(), /^the rate limit of route r stands behind/);
  assert.match(warningsOfList({ cache: { allowSetCookie: true } }).join(), /allowSetCookie/);
  assert.match(warningsOfList({ cache: { allowAuthorization: true } }).join(), /allowAuthorization/);
  assert.deepEqual(warningsOfList({ cache: { allowAuthorization: true, key: { headers: ["Authorization"] } } }), []);
});
