/** Configurations that are wrong, and what is said of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConfigInput } from "./config-input.ts";
import { parseConfig, readConfig } from "./parse-config.ts";
import { ConfigError } from "./problem.ts";
import { minimal, problemsOf } from "./testing/minimal-config.ts";

test("keys and words of the user interface that this version does not have are told as that, each at its place", () => {
  const withKeys = (
    keys: readonly string[],
    place: string,
    make: (section: Record<string, object>) => object,
  ): [string, object][] => keys.map((key) => [`${place}${key}`, { ...minimal(), ...make({ [key]: {} }) }]);
  const planned: [place: string, config: object][] = [
    ...withKeys(["defaults", "middlewares", "include", "errors", "tracing", "state"], "", (section) => section),
    ...withKeys(["http2"], "listeners[0].", (section) => ({
      listeners: [{ address: ":1", ...section }],
    })),
    ...withKeys(["split", "files", "mirror", "fallback", "errors"], "routes[0].", (section) => ({
      routes: [{ upstream: "api", ...section }],
    })),
    ...withKeys(["pathRegex", "not"], "routes[0].match.", (section) => ({
      routes: [{ upstream: "api", match: section }],
    })),
    ...withKeys(
      ["basicAuth", "jwt", "forwardAuth", "oidc", "ip", "cors", "csrf", "securityHeaders", "script", "use"],
      "routes[0].middlewares[0].",
      (section) => ({ routes: [{ upstream: "api", middlewares: [section] }] }),
    ),
    ...withKeys(["waitForEndpoint"], "upstreams.api.", (section) => ({
      upstreams: { api: { endpoints: ["http://a"], ...section } },
    })),
    ...withKeys(["grpc"], "upstreams.api.health.", (section) => ({
      upstreams: { api: { endpoints: ["http://a"], health: section } },
    })),
    ["upstreams.api.protocol", { ...minimal(), upstreams: { api: { endpoints: ["http://a"], protocol: "auto" } } }],
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
    ...["http2"].map((key): [object, string] => [listener({ [key]: {} }), key]),
    [route({ split: [] }), "split"],
    [upstream({ protocol: "h2" }), "h2"],
    [upstream({ protocol: "h2c" }), "h2c"],
  ];
  for (const [value, word] of cases) {
    const problems = problemsOf(value);
    assert.equal(problems.length, 1, `${word}: ${problems.join("; ")}`);
    assert.match(problems[0] ?? "", /not available in this version/, word);
    assert.ok(problems[0]?.includes(word), problems.join());
  }
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
