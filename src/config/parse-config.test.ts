/** Configurations that are right, and their normal form. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConfigInput } from "./config-input.ts";
import { parseConfig } from "./parse-config.ts";
import { minimal, problemsOf } from "./testing/minimal-config.ts";

test("the shortest configuration gets every default", () => {
  assert.deepEqual(parseConfig(minimal()), {
    modules: [],
    workers: "auto",
    shutdown: { grace: 30_000, delay: 0 },
    listeners: [
      {
        name: ":8080",
        mode: "http",
        address: { kind: "tcp", host: null, port: 8080 },
        trustedProxies: [],
        proxyProtocol: null,
        tls: null,
        limits: { headBytes: 16_384, headFields: 100, connections: 0, requestsPerConnection: 0, bodyBytes: 0 },
        timeouts: { head: 10_000, body: 60_000, write: 60_000, keepAlive: 75_000, idle: null },
        redirect: null,
      },
    ],
    routes: [
      {
        name: "route-1",
        priority: 0,
        match: {
          listener: [],
          sni: [],
          host: [],
          path: "/*",
          method: [],
          header: {},
          query: {},
          cookie: {},
          clientIp: [],
        },
        middlewares: [],
        timeouts: { total: 0, firstByte: null, idle: null },
        upgrade: ["websocket"],
        shed: "normal",
        upstream: "api",
        redirect: null,
        respond: null,
      },
    ],
    upstreams: {
      api: {
        endpoints: [
          {
            url: "http://127.0.0.1:8081",
            host: "127.0.0.1",
            port: 8081,
            socketPath: null,
            weight: 1,
            backup: false,
            zone: null,
            identity: null,
          },
        ],
        discovery: null,
        balance: "round-robin",
        sticky: null,
        slowStart: 0,
        panicThreshold: 0.5,
        zoneThreshold: 0.7,
        health: null,
        breaker: null,
        hedge: null,
        limits: { maxRequests: 0, maxRequestsPerEndpoint: 0, maxPending: 1_024, pendingTimeout: 5_000, adaptive: null },
        outlier: {
          consecutiveErrors: 5,
          ejection: 10_000,
          maxEjection: 300_000,
          maxEjectedPercent: 50,
          statuses: [502, 503, 504],
        },
        retry: { attempts: 2, on: ["connect", "reset", 502, 503, 504], budgetPercent: 20, perTryTimeout: 0 },
        pool: { maxIdle: 128, idleTimeout: 60_000, pipelining: 1 },
        timeouts: { connect: 3_000, firstByte: 60_000, idle: 60_000 },
        lenient: false,
        via: true,
        proxyProtocol: null,
        protocol: "http1",
        tls: null,
      },
    },
    zone: null,
    stores: {},
    overload: { maxEventLoopLag: 0 },
    admin: null,
    log: { level: "info", access: null, stats: 5_000 },
  });
});

test("the normal form can be posted to a thread", () => {
  const config = parseConfig({ ...minimal(), admin: true, log: { access: true } });
  assert.deepEqual(structuredClone(config), config);
});

test("sections that are off may be switched on with their defaults, and off by name", () => {
  const on = parseConfig({
    ...minimal(),
    admin: true,
    log: { access: {} },
    upstreams: { api: { endpoints: ["http://a"], health: {} } },
  });
  assert.deepEqual(on.admin, { address: { kind: "tcp", host: "127.0.0.1", port: 9901 }, tokens: [] });
  assert.deepEqual(on.log.access, { format: "json", path: "-", template: null, queryAllow: null });
  assert.deepEqual(on.upstreams["api"]?.health, {
    path: "/",
    host: null,
    tcp: null,
    interval: 5_000,
    timeout: 2_000,
    rise: 2,
    initial: "healthy",
    fall: 3,
    jitter: 0.2,
    fastInterval: 1_000,
    expect: [{ from: 200, to: 399 }],
  });
  const off = parseConfig({
    ...minimal(),
    admin: false,
    log: { access: false },
    upstreams: { api: { endpoints: ["http://a"], health: false } },
  });
  assert.deepEqual([off.admin, off.log.access, off.upstreams["api"]?.health], [null, null, null]);
  for (const word of ["off", false] as const) {
    const words = parseConfig({
      ...minimal(),
      admin: word,
      log: { access: word },
      upstreams: {
        api: {
          endpoints: ["http://a"],
          health: word,
          breaker: word,
          hedge: word,
          sticky: word,
          limits: { adaptive: word },
        },
      },
    });
    const api = words.upstreams["api"];
    assert.deepEqual(
      [words.admin, words.log.access, api?.health, api?.breaker, api?.hedge, api?.sticky, api?.limits.adaptive],
      new Array(7).fill(null),
    );
  }
  assert.deepEqual(parseConfig({ ...minimal(), log: { access: "on" } }).log.access, on.log.access);
});

test("the admin listener may be an address alone", () => {
  const anyHost = { address: { kind: "tcp", host: null, port: 9901 }, tokens: [] };
  assert.deepEqual(parseConfig({ ...minimal(), admin: ":9901" }).admin, anyHost);
  assert.deepEqual(parseConfig({ ...minimal(), admin: { address: ":9901" } }).admin, anyHost);
  assert.equal(parseConfig({ ...minimal(), admin: "unix:/run/a.sock" }).admin?.address.kind, "unix");
  assert.match(problemsOf({ ...minimal(), admin: "nonsense:" }).join("\n"), /^admin: .*"nonsense:"/);
  for (const admin of [":8080", { address: ":8080" }])
    assert.match(problemsOf({ ...minimal(), admin }).join("\n"), /is taken already, by listeners\[0\]/);
  for (const admin of [true, "on", {}])
    assert.match(
      problemsOf({ ...minimal(), listeners: [{ address: "127.0.0.1:9901" }], admin }).join("\n"),
      /is taken already, by listeners\[0\]/,
    );
});

test("listeners and routes without a name get one that nobody else has", () => {
  const config = parseConfig({
    ...minimal(),
    listeners: [
      { address: "127.0.0.1:0" },
      { address: "127.0.0.1:0" },
      { address: "unix:/run/x.sock" },
      { address: "[::1]:1", name: "six" },
    ],
    routes: [
      { upstream: "api" },
      { name: "route-1", upstream: "api" },
      { name: "x", upstream: "api" },
      { upstream: "api" },
    ],
  });
  assert.deepEqual(
    config.listeners.map((listener) => listener.name),
    ["127.0.0.1:0", "127.0.0.1:0#2", "unix:/run/x.sock", "six"],
  );
  assert.deepEqual(
    config.routes.map((route) => route.name),
    ["route-1#2", "route-1", "x", "route-4"],
  );
});

test("values are brought into one spelling", () => {
  const config = parseConfig({
    listeners: [{ address: ":80", trustedProxies: "10.0.0.0/8", limits: { headBytes: 32_768, bodyBytes: "1MB" } }],
    routes: [
      {
        match: { host: "API.Example.com.", method: "GET", header: { "X-Canary": "1" }, clientIp: ["::1"] },
        upstream: "api",
        middlewares: [{ headers: { response: { remove: "Server" } } }, { rewrite: { stripPrefix: "/v1" } }],
      },
    ],
    upstreams: {
      api: {
        endpoints: ["http://A:80/", { url: "unix:/run/a.sock", weight: 5, backup: true }],
        health: { expect: [200, "3xx", "410-412"] },
      },
    },
  });
  assert.deepEqual(config.listeners[0]?.trustedProxies, ["10.0.0.0/8"]);
  assert.deepEqual([config.listeners[0]?.limits.headBytes, config.listeners[0]?.limits.bodyBytes], [32_768, 1_000_000]);
  assert.deepEqual(config.routes[0]?.match, {
    listener: [],
    sni: [],
    host: ["api.example.com"],
    path: "/*",
    method: ["GET"],
    header: { "x-canary": "1" },
    query: {},
    cookie: {},
    clientIp: ["::1"],
  });
  assert.deepEqual(config.routes[0]?.middlewares, [
    {
      headers: {
        request: { set: {}, add: {}, remove: [] },
        response: { set: {}, add: {}, remove: ["server"], when: "always" },
      },
    },
    { rewrite: { stripPrefix: "/v1", addPrefix: null, replacePath: null } },
  ]);
  assert.deepEqual(
    config.upstreams["api"]?.endpoints.map(({ url, weight, backup }) => [url, weight, backup]),
    [
      ["http://a:80", 1, false],
      ["unix:/run/a.sock", 5, true],
    ],
  );
  assert.deepEqual(config.upstreams["api"]?.health?.expect, [
    { from: 200, to: 200 },
    { from: 300, to: 399 },
    { from: 410, to: 412 },
  ]);
});

test("balancing is a name or one hash, and stickiness a cookie or a key, in normal form", () => {
  const api = (extra: object): object => ({ ...minimal(), upstreams: { api: { endpoints: ["http://a"], ...extra } } });
  const cases: [extra: object, key: "balance" | "sticky" | "slowStart" | "panicThreshold", normal: unknown][] = [
    [{ balance: "peak-ewma" }, "balance", "peak-ewma"],
    [{ balance: { ringHash: {} } }, "balance", { ringHash: { key: "clientIp", balanceFactor: 0 } }],
    [
      { balance: { ringHash: { key: "header:X-User", balanceFactor: 125 } } },
      "balance",
      { ringHash: { key: "header:x-user", balanceFactor: 125 } },
    ],
    [{ balance: { maglev: { key: "cookie:SID" } } }, "balance", { maglev: { key: "cookie:SID" } }],
    [
      { sticky: { cookie: {} } },
      "sticky",
      { cookie: { name: null, maxAge: 0, path: "/", sameSite: "lax", secret: null } },
    ],
    [
      { sticky: { cookie: { name: "millrace", maxAge: "1h" } } },
      "sticky",
      { cookie: { name: "millrace", maxAge: 3_600_000, path: "/", sameSite: "lax", secret: null } },
    ],
    [{ sticky: { key: "clientIp" } }, "sticky", { key: "clientIp" }],
    [{ sticky: { key: "clientIp" }, hedge: {} }, "sticky", { key: "clientIp" }],
    [{ slowStart: "30s" }, "slowStart", 30_000],
    [{ panicThreshold: "0%" }, "panicThreshold", 0],
  ];
  for (const [extra, key, normal] of cases)
    assert.deepEqual(parseConfig(api(extra) as ConfigInput).upstreams["api"]?.[key], normal);
  const wrong: [extra: object, problem: string][] = [
    [{ balance: {} }, 'balance: name one: "ringHash" or "maglev"'],
    [{ balance: { ringHash: {}, maglev: {} } }, 'balance: only one of "ringHash" and "maglev"'],
    [
      { balance: { ringHash: { balanceFactor: 90 } } },
      "balance.ringHash.balanceFactor: 90 leaves no room: at least 101 percent of the fair share, for example 125",
    ],
    [
      { balance: { maglev: { key: "user" } } },
      'balance.maglev.key: "user" is not a key; keys are "clientIp", "header:NAME", "cookie:NAME", "query:NAME" and "path"',
    ],
    [{ balance: { maglew: {} } }, 'balance.maglew: unknown key "maglew" (did you mean "maglev"?)'],
    [{ sticky: {} }, 'sticky: name one: "cookie" or "key"'],
    [
      { sticky: { cookie: { secret: "short" } } },
      "sticky.cookie.secret: the secret is too short; at least 16 characters, such as `openssl rand -hex 32` gives",
    ],
    [{ sticky: { cookie: { name: "a b" } } }, 'sticky.cookie.name: "a b" is not the name of a cookie'],
    [
      { sticky: { cookie: {} }, hedge: {} },
      "hedge: hedging and sticky cookies do not go together: an answer from another endpoint would take the client there",
    ],
    [{ panicThreshold: 50 }, 'panicThreshold: 50 has no percent sign; write "50%"'],
  ];
  for (const [extra, problem] of wrong) assert.deepEqual(problemsOf(api(extra)), [`upstreams.api.${problem}`]);
});

test("an upstream says where its endpoints are, and one mistake about that is one problem", () => {
  const wrong: [upstream: unknown, problem: string][] = [
    [{}, 'upstreams.api: an upstream needs "endpoints" or "discovery"'],
    [{ balance: "random" }, 'upstreams.api: an upstream needs "endpoints" or "discovery"'],
    [{ endpoints: [] }, "upstreams.api.endpoints: the list is empty; at least one entry is needed"],
    [{ endpints: ["http://a"] }, 'upstreams.api.endpints: unknown key "endpints" (did you mean "endpoints"?)'],
    [{ discovry: {} }, 'upstreams.api.discovry: unknown key "discovry" (did you mean "discovery"?)'],
    [{ discovery: { etdc: {} } }, 'upstreams.api.discovery.etdc: unknown key "etdc" (did you mean "etcd"?)'],
    [
      { discovery: { hold: "1s" } },
      "upstreams.api.discovery: discovery needs one of etcd, consul, dns, file, http, docker, kubernetes",
    ],
  ];
  for (const [api, problem] of wrong)
    assert.deepEqual(
      problemsOf({ listeners: [{ address: ":0" }], routes: [{ upstream: "api" }], upstreams: { api } }),
      [problem],
    );
});

test("what stands for absent options is one frozen value, whatever is beside it", () => {
  const { routes, upstreams } = parseConfig({
    listeners: [{ address: ":0" }],
    routes: [{ upstream: "a" }, { upstream: "b", timeouts: { total: "1s" } }, { upstream: "b" }],
    upstreams: {
      a: { endpoints: ["http://a"] },
      b: { endpoints: ["http://b"], pool: { maxIdle: 1 }, retry: {} },
    },
  });
  const [first, second, third] = routes;
  const { a, b } = upstreams;
  assert.equal(first!.timeouts, third!.timeouts);
  assert.equal(a!.limits, b!.limits);
  assert.ok(Object.isFrozen(a!.limits) && Object.isFrozen(a!.retry.on));
  assert.deepEqual([second!.timeouts.total, first!.timeouts.total], [1_000, 0]);
  assert.deepEqual([b!.pool, b!.retry], [{ ...a!.pool, maxIdle: 1 }, a!.retry]);
});
