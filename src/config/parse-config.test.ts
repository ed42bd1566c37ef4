import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig, readConfig } from "./parse-config.ts";
import { ConfigError, formatPath } from "./problem.ts";
import type { ConfigInput } from "./config-input.ts";

const minimal = (): ConfigInput => ({
  listeners: [{ address: ":8080" }],
  routes: [{ upstream: "api" }],
  upstreams: { api: { endpoints: ["http://127.0.0.1:8081"] } },
});

/** The problems of `value` as `path: message` lines. */
const problemsOf = (value: unknown): string[] =>
  readConfig(value).findings.map(
    (finding) => `${formatPath(finding.path)}: ${finding.message}${finding.hint === null ? "" : ` (${finding.hint})`}`,
  );

test("the shortest configuration gets every default", () => {
  assert.deepEqual(parseConfig(minimal()), {
    modules: [],
    workers: "auto",
    shutdown: { grace: 30_000, delay: 0 },
    listeners: [
      {
        name: ":8080",
        address: { kind: "tcp", host: null, port: 8080 },
        trustedProxies: [],
        limits: { headBytes: 16_384, headFields: 100, connections: 0, requestsPerConnection: 0, bodyBytes: 0 },
        timeouts: { head: 10_000, body: 60_000, write: 60_000, keepAlive: 75_000 },
      },
    ],
    routes: [
      {
        name: "route-1",
        priority: 0,
        match: { host: [], path: "/*", method: [], header: {}, query: {}, cookie: {}, clientIp: [] },
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
          },
        ],
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
        protocol: "http1",
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
    interval: 5_000,
    timeout: 2_000,
    rise: 2,
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

test("keys and words of the user interface that this version does not have are told as that, each at its place", () => {
  const withKeys = (
    keys: readonly string[],
    place: string,
    make: (section: Record<string, object>) => object,
  ): [string, object][] => keys.map((key) => [`${place}${key}`, { ...minimal(), ...make({ [key]: {} }) }]);
  const planned: [place: string, config: object][] = [
    ...withKeys(["defaults", "middlewares", "include", "errors", "tracing", "state"], "", (section) => section),
    ...withKeys(["tls", "http2", "proxyProtocol", "mode"], "listeners[0].", (section) => ({
      listeners: [{ address: ":1", ...section }],
    })),
    ...withKeys(["split", "files", "mirror", "fallback", "errors"], "routes[0].", (section) => ({
      routes: [{ upstream: "api", ...section }],
    })),
    ...withKeys(["listener", "pathRegex", "not"], "routes[0].match.", (section) => ({
      routes: [{ upstream: "api", match: section }],
    })),
    ...withKeys(
      [
        "cache",
        "compress",
        "basicAuth",
        "jwt",
        "forwardAuth",
        "oidc",
        "ip",
        "cors",
        "csrf",
        "securityHeaders",
        "script",
        "use",
      ],
      "routes[0].middlewares[0].",
      (section) => ({ routes: [{ upstream: "api", middlewares: [section] }] }),
    ),
    ...withKeys(["discovery", "tls", "waitForEndpoint"], "upstreams.api.", (section) => ({
      upstreams: { api: { endpoints: ["http://a"], ...section } },
    })),
    ...withKeys(["grpc", "tcp"], "upstreams.api.health.", (section) => ({
      upstreams: { api: { endpoints: ["http://a"], health: section } },
    })),
    ["upstreams.api.protocol", { ...minimal(), upstreams: { api: { endpoints: ["http://a"], protocol: "auto" } } }],
    ["stores.s.disk", { ...minimal(), stores: { s: { disk: {} } } }],
    ["routes[0].match.path", { ...minimal(), routes: [{ upstream: "api", match: { path: ["/a", "/b"] } }] }],
  ];
  for (const [place, config] of planned) {
    assert.ok(
      problemsOf(config).some(
        (problem) => problem.startsWith(`${place}: `) && problem.includes("not available in this version"),
      ),
      `${place}: ${problemsOf(config).join("; ")}`,
    );
  }
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

test("every problem is told at once, each where it is", () => {
  const problems = problemsOf({
    listeners: [{ adress: ":8080", timeouts: { head: 10 } }],
    routes: [{ upstream: "apl" }, { match: { path: "x" } }],
    upstreams: { api: { endpoints: ["localhost:1"], balance: "round robin" } },
    stores: { local: { redis: "redis://127.0.0.1" }, shared: { redis: "http://user:secret@127.0.0.1" } },
  });
  assert.deepEqual(problems.toSorted(), [
    'listeners[0].adress: unknown key "adress" (did you mean "address"?)',
    'listeners[0].timeouts.head: 10 has no unit; write "10s" or "10ms"',
    'routes[0].upstream: there is no upstream "apl" (did you mean "api"?)',
    'routes[1].match.path: "x" is not a path pattern; it begins with "/"',
    'routes[1]: the route does not say who answers; it needs "upstream", "redirect" or "respond"',
    'stores.local: "local" is the memory of this process; call the store otherwise',
    'stores.shared.redis: this is not the address of a Redis server; write for example "redis://127.0.0.1:6379", "rediss://user:password@redis.internal:6380/1" or "unix:/run/redis.sock"',
    'upstreams.api.balance: "round robin" is not "round-robin" or "least-connections" or "random" or "power-of-two" or "peak-ewma" or "ip-hash" or a section (keys and values) (did you mean "round-robin"?)',
    'upstreams.api.endpoints[0]: "localhost:1" is not the URL of an endpoint; write "http://localhost:1"',
  ]);
});

test("more mistakes than the schema library can hand on: the first of the section are told, or that there are too many", () => {
  const count = 150_000;
  const good = { listeners: [{ address: ":1" }], routes: [{ respond: {} }] };
  const entries = (from: number): object =>
    Object.fromEntries(
      Array.from({ length: count }, (_, at) => [`u${at}`, at < from ? { endpoints: ["http://a"] } : 1]),
    );
  const told = readConfig({ ...good, upstreams: entries(0) }).findings;
  assert.equal(told.length, 1_000);
  assert.deepEqual(told[0]?.path, ["upstreams", "u0"]);
  assert.deepEqual(
    readConfig({ ...good, upstreams: entries(1_000) }).findings.map(({ message }) => message),
    ["there are too many mistakes in one section to tell them"],
  );
});

test("what the user interface has but this version has not is refused by name", () => {
  const route = (extra: object): object => ({ ...minimal(), routes: [{ upstream: "api", ...extra }] });
  const upstream = (extra: object): object => ({
    ...minimal(),
    upstreams: { api: { endpoints: ["http://a"], ...extra } },
  });
  const listener = (extra: object): object => ({ ...minimal(), listeners: [{ address: ":1", ...extra }] });
  const cases: [value: object, word: string][] = [
    ...["proxyProtocol", "http2", "tls"].map((key): [object, string] => [listener({ [key]: {} }), key]),
    ...["cache", "compress"].map((key): [object, string] => [route({ middlewares: [{ [key]: {} }] }), key]),
    [route({ split: [] }), "split"],
    ...["discovery", "tls"].map((key): [object, string] => [upstream({ [key]: {} }), key]),
    [upstream({ protocol: "h2" }), "h2"],
    [upstream({ protocol: "h2c" }), "h2c"],
    [upstream({ endpoints: ["https://a"] }), "https"],
  ];
  for (const [value, word] of cases) {
    const problems = problemsOf(value);
    assert.equal(problems.length, 1, `${word}: ${problems.join("; ")}`);
    assert.match(problems[0] ?? "", /not available in this version/, word);
    assert.ok(problems[0]?.includes(word), problems.join());
  }
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

test("a rate limit names its key and a store that is there", () => {
  const of = (rateLimit: object): string[] =>
    problemsOf({ ...minimal(), routes: [{ upstream: "api", middlewares: [{ rateLimit }] }] });
  const at = "routes[0].middlewares[0].rateLimit";
  assert.deepEqual(of({ rate: "100/s", burst: 200, key: "header:x-user", store: "local", dryRun: true }), []);
  assert.deepEqual(of({ rate: "100/s", store: "shared" }), [
    `${at}.store: there is no store "shared" (there are none: write them under "stores", or take "local")`,
  ]);
  assert.deepEqual(of({ rate: 100 }), [`${at}.rate: 100 is not a rate; write "100/s" or "100/m"`]);
  assert.deepEqual(of({ rate: "1/s", key: "clientip" }), [
    `${at}.key: "clientip" is not a key (did you mean "clientIp"?)`,
  ]);
  assert.deepEqual(of({ rate: "1/s", key: "header:a b" }), [`${at}.key: "a b" is not the name of a header`]);
  assert.deepEqual(of({}), [`${at}.rate: "rate" is missing`]);
});

test("a route has exactly one of upstream, redirect and respond", () => {
  const of = (route: object): string[] => problemsOf({ ...minimal(), routes: [route] });
  assert.deepEqual(of({ redirect: { to: "/x" } }), []);
  assert.deepEqual(of({ respond: {} }), []);
  assert.match(of({})[0] ?? "", /does not say who answers/);
  assert.match(of({ upstream: "api", redirect: { to: "/x" } })[0] ?? "", /this has 2/);
  assert.match(of({ respond: {}, middlewares: [{ rewrite: { addPrefix: "/x" } }] })[0] ?? "", /nothing to rewrite/);
});

test("what ends in header lines cannot break them", () => {
  const respond = (extra: object): string[] => problemsOf({ ...minimal(), routes: [{ respond: extra }] });
  const headers = (edits: object): string[] =>
    problemsOf({ ...minimal(), routes: [{ upstream: "api", middlewares: [{ headers: edits }] }] });
  for (const value of ["a\r\nb: c", "a\nb", "a\rb", "a\0b", "ü", "\x7f", " a", "a\t"]) {
    for (const problems of [
      respond({ contentType: value }),
      respond({ headers: { "x-a": value } }),
      headers({ request: { set: { "x-a": value } } }),
      headers({ response: { add: { "x-a": value } } }),
    ]) {
      assert.equal(problems.length, 1, JSON.stringify(value));
      assert.match(problems[0] ?? "", /a field value/, JSON.stringify(value));
    }
    if (value.trim() !== value) continue;
    assert.ok(
      problemsOf({ ...minimal(), routes: [{ redirect: { to: `https://example.com/${value}` } }] }).length > 0,
      JSON.stringify(value),
    );
  }
  for (const name of ["x a", "", "x:", "x\r\ny", "ü"])
    assert.match(headers({ request: { set: { [name]: "1" } } })[0] ?? "", /not a field name/, name);
  for (const name of [
    "Connection",
    "content-length",
    "Transfer-Encoding",
    "TE",
    "trailer",
    "Upgrade",
    "keep-alive",
    "proxy-connection",
  ]) {
    for (const edits of [
      { request: { set: { [name]: "1" } } },
      { response: { add: { [name]: "1" } } },
      { response: { remove: [name] } },
    ])
      assert.match(headers(edits)[0] ?? "", /the proxy writes/, name);
    assert.match(respond({ headers: { [name]: "1" } })[0] ?? "", /the proxy writes/, name);
  }
  for (const name of ["Host", "X-Forwarded-For", "via", "x-request-id", "forwarded"])
    assert.match(headers({ request: { set: { [name]: "1" } } })[0] ?? "", /the proxy writes/, name);
  assert.match(headers({ request: { set: { "X-A": "1", "x-a": "2" } } })[0] ?? "", /there already/);
});

test("functions and other things that are not data are refused clearly", () => {
  class Endpoint {}
  const cyclic: Record<string, unknown> = {};
  cyclic["self"] = cyclic;
  const cases: [value: unknown, sentence: RegExp][] = [
    [{ ...minimal(), routes: [{ upstream: () => "api" }] }, /functions are not available in this version/],
    [{ ...minimal(), workers: 1n }, /cannot hold a bigint/],
    [{ ...minimal(), workers: Number.NaN }, /NaN is not a number/],
    [{ ...minimal(), upstreams: { api: { endpoints: [new Endpoint()] } } }, /instance of Endpoint/],
    [{ ...minimal(), upstreams: new Map() }, /instance of Map/],
    [cyclic, /holds itself/],
    [JSON.parse('{"upstreams":{"__proto__":{"endpoints":[]}}}'), /cannot be a key/],
    [null, /is empty/],
    [undefined, /is empty/],
    ["x", /is a section/],
    [[], /is a section/],
  ];
  for (const [value, sentence] of cases) assert.match(problemsOf(value).join("\n"), sentence, String(sentence));
});

test("an instance of another realm's Object is plain data", async () => {
  const { runInNewContext } = await import("node:vm");
  const config: unknown = runInNewContext('({ listeners: [{ address: ":1" }], routes: [{ respond: {} }] })');
  assert.deepEqual(problemsOf(config), []);
});

test("names like those of an object's own methods are only names", () => {
  const problems = problemsOf({
    ...minimal(),
    routes: [{ upstream: "constructor" }, { upstream: "toString" }],
    upstreams: { api: { endpoints: ["http://a"] } },
  });
  assert.deepEqual(
    problems.map((text) => text.split(" (")[0]),
    ['routes[0].upstream: there is no upstream "constructor"', 'routes[1].upstream: there is no upstream "toString"'],
  );
  const config = parseConfig({
    ...minimal(),
    routes: [{ upstream: "constructor" }],
    upstreams: { constructor: { endpoints: ["http://a"] } },
  });
  assert.deepEqual(Object.keys(config.upstreams), ["constructor"]);
});

test("an unusable configuration is an error that holds every problem as text", () => {
  assert.throws(
    () => parseConfig({} as ConfigInput),
    (error) =>
      error instanceof ConfigError &&
      error.problems.length === 2 &&
      error.message.includes('listeners: error: "listeners" is missing') &&
      error.message.includes('"routes" is missing'),
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
