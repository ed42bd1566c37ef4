import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RequestHead } from "../http/message.ts";
import { parseTarget } from "../http/target.ts";
import { exchangeAround } from "../http/testing/exchange-around.ts";
import { parsed, parseRequestHead } from "../http1/syntax/request-parser.ts";
import type { RouteMatch } from "./route-match.ts";
import { ambiguous, Router, type RouteSpec } from "./router.ts";

interface Asked {
  method?: string;
  host?: string;
  target?: string;
  fields?: Record<string, string>;
  clientIp?: string;
}

function requestOf(asked: Asked): RequestHead {
  const head = new RequestHead();
  head.method = asked.method ?? "GET";
  head.host = asked.host ?? "example.com";
  head.keptFields = Object.entries(asked.fields ?? {})
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("");
  const target = asked.target ?? "/";
  assert.equal(parseTarget(head.method, target, head), null, target);
  return head;
}

function routerOf(matches: Record<string, RouteMatch & { priority?: number }>): Router<string> {
  return Router.of(
    Object.entries(matches).map(([name, { priority, ...match }]) => ({ name, priority, match, value: name })),
  );
}

function assertRoutes(router: Router<string>, table: [Asked, string | null | typeof ambiguous][]): void {
  for (const [asked, expected] of table)
    assert.equal(router.match(exchangeAround(requestOf(asked), asked)), expected, JSON.stringify(asked));
}

test("no routes match nothing, and a route without matchers everything", () => {
  assertRoutes(routerOf({}), [[{}, null]]);
  assertRoutes(routerOf({ all: {} }), [
    [{}, "all"],
    [{ method: "OPTIONS", target: "*" }, "all"],
    [{ host: "" }, "all"],
  ]);
});

test("a prefix ends at a segment, and the longer one wins", () => {
  assertRoutes(
    routerOf({
      root: { path: "/*" },
      v1: { path: "/v1/*" },
      users: { path: "/v1/users/*" },
      exact: { path: "/v1/users/me" },
      slash: { path: "/v1/" },
    }),
    [
      [{ target: "/v1" }, "v1"],
      [{ target: "/v1/" }, "slash"],
      [{ target: "/v1/x" }, "v1"],
      [{ target: "/v1x" }, "root"],
      [{ target: "/v1/users" }, "users"],
      [{ target: "/v1/users/7/8" }, "users"],
      [{ target: "/v1/users/me" }, "exact"],
      [{ target: "/v1/users/me/" }, "users"],
      [{ target: "/v1?x=/v1/users" }, "v1"],
      [{ target: "/" }, "root"],
      [{ target: "*", method: "OPTIONS" }, "root"],
    ],
  );
});

test("an exact path matches only itself", () => {
  assertRoutes(routerOf({ ping: { path: "/ping" } }), [
    [{ target: "/ping" }, "ping"],
    [{ target: "/ping?x" }, "ping"],
    [{ target: "/ping/" }, null],
    [{ target: "/Ping" }, null],
    [{ target: "/pin" }, null],
  ]);
});

test("exact hosts win over longer wildcards, those over shorter ones, and those over none", () => {
  assertRoutes(
    routerOf({
      any: { host: ["*"], path: "/very/specific" },
      wide: { host: ["*.example.com"] },
      deep: { host: ["*.eu.example.com"] },
      exact: { host: ["API.eu.Example.com."] },
      apex: { host: ["example.com"] },
    }),
    [
      [{ host: "api.eu.example.com" }, "exact"],
      [{ host: "x.eu.example.com" }, "deep"],
      [{ host: "a.b.eu.example.com" }, "deep"],
      [{ host: "eu.example.com" }, "wide"],
      [{ host: "example.com" }, "apex"],
      [{ host: "notexample.com" }, null],
      [{ host: "other.org", target: "/very/specific" }, "any"],
      [{ host: "x.example.com", target: "/very/specific" }, "wide"],
    ],
  );
});

test("any of a route's hosts will do", () => {
  assertRoutes(routerOf({ both: { host: ["a.example", "*.b.example"] }, rest: {} }), [
    [{ host: "a.example" }, "both"],
    [{ host: "x.b.example" }, "both"],
    [{ host: "b.example" }, "rest"],
  ]);
});

test("priority wins over specificity, and order decides what is left", () => {
  assertRoutes(
    routerOf({
      exact: { host: ["h"], path: "/a" },
      high: { path: "/*", priority: 5 },
      low: { host: ["h"], path: "/a", priority: -1 },
    }),
    [[{ host: "h", target: "/a" }, "high"]],
  );
  assertRoutes(routerOf({ first: { path: "/a" }, second: { path: "/a" } }), [[{ target: "/a" }, "first"]]);
  assertRoutes(routerOf({ none: {}, root: { path: "/*" } }), [[{}, "none"]]);
  assertRoutes(routerOf({ low: { host: ["h"], path: "/a", priority: -1 }, rest: {} }), [
    [{ host: "h", target: "/a" }, "rest"],
  ]);
});

test("more matchers win over fewer, and a route whose matchers fail leaves the request to the next", () => {
  const router = routerOf({
    plain: { path: "/a/*" },
    post: { path: "/a/*", method: ["POST", "PUT"] },
    canary: { path: "/a/*", method: ["POST"], header: { "X-Canary": "1" } },
    inner: { path: "/a/b/*", header: { "x-inner": "*" } },
  });
  assertRoutes(router, [
    [{ target: "/a" }, "plain"],
    [{ target: "/a", method: "PUT" }, "post"],
    [{ target: "/a", method: "post" }, "plain"],
    [{ target: "/a", method: "POST", fields: { "x-canary": "1" } }, "canary"],
    [{ target: "/a", method: "POST", fields: { "x-canary": "10" } }, "post"],
    [{ target: "/a/b/c" }, "plain"],
    [{ target: "/a/b/c", fields: { "X-Inner": "" } }, "inner"],
  ]);
});

test("queries are compared decoded", () => {
  const router = routerOf({
    debug: { query: { debug: "1" } },
    odd: { query: { "a b": "ü&" } },
    there: { query: { x: "*" } },
  });
  assertRoutes(router, [
    [{ target: "/?debug=1" }, "debug"],
    [{ target: "/?a=b&debug=1&c" }, "debug"],
    [{ target: "/?debug=2&debug=1" }, "debug"],
    [{ target: "/?%64ebug=%31" }, "debug"],
    [{ target: "/?debug=11" }, null],
    [{ target: "/?debug" }, null],
    [{ target: "/?xdebug=1" }, null],
    [{ target: "/?a+b=%C3%BC%26" }, "odd"],
    [{ target: "/?x" }, "there"],
    [{ target: "/?&&x=%zz" }, "there"],
    [{ target: "/" }, null],
  ]);
});

test("cookies are compared as received", () => {
  const router = routerOf({ beta: { cookie: { beta: "1" } }, sid: { cookie: { sid: "*" } } });
  assertRoutes(router, [
    [{ fields: { Cookie: "beta=1" } }, "beta"],
    [{ fields: { Cookie: "a=b; beta=1; c=d" } }, "beta"],
    [{ fields: { Cookie: "xbeta=1; beta=2" } }, null],
    [{ fields: { Cookie: "sid=a=b" } }, "sid"],
    [{ fields: { Cookie: "sid" } }, null],
    [{}, null],
  ]);
});

test("the client's address can decide", () => {
  const router = routerOf({ inside: { clientIp: ["10.0.0.0/8", "fd00::/8"] }, outside: {} });
  assertRoutes(router, [
    [{ clientIp: "10.1.2.3" }, "inside"],
    [{ clientIp: "fd00::1" }, "inside"],
    [{ clientIp: "11.0.0.1" }, "outside"],
  ]);
});

test("a path that an endpoint could read as another route's is ambiguous", () => {
  const router = routerOf({
    admin: { path: "/admin/*" },
    login: { path: "/login" },
    files: { path: "/files/*" },
    rest: { path: "/*" },
  });
  assertRoutes(router, [
    [{ target: "//admin/x" }, ambiguous],
    [{ target: "/admin%2fx" }, ambiguous],
    [{ target: "/%2561dmin" }, ambiguous],
    [{ target: "/login;jsessionid=1" }, ambiguous],
    [{ target: "/%61dmin" }, "admin"],
    [{ target: "/x/../admin" }, "admin"],
    [{ target: "/files/a%2fb//c;d" }, "files"],
    [{ target: "/admin//x" }, "admin"],
    [{ target: "/Admin" }, "rest"],
  ]);
  assertRoutes(routerOf({ admin: { path: "/admin" } }), [
    [{ target: "//admin" }, ambiguous],
    [{ target: "//other" }, null],
  ]);
});

test("a route's own path may hold escapes", () => {
  const router = routerOf({
    cafe: { path: "/caf%C3%A9/*" },
    space: { path: "/a%20b" },
    slash: { path: "/x%2Fy" },
    colon: { path: "/c%3Ad/*" },
    tilde: { path: "/~user" },
    rest: {},
  });
  assertRoutes(router, [
    [{ target: "/caf%c3%a9/1" }, "cafe"],
    [{ target: "/a%20b" }, "space"],
    [{ target: "/x%2fy" }, "slash"],
    [{ target: "/x/y" }, "rest"],
    [{ target: "/c%3ad/e" }, "colon"],
    [{ target: "/%7euser" }, "tilde"],
  ]);
});

test("malformed routes are refused by name", () => {
  const table: [RouteMatch, RegExp][] = [
    [{ host: ["a b"] }, /^route bad: "a b" is not a host/],
    [{ path: "a" }, /^route bad: .* begins with "\/"/],
    [{ clientIp: ["10.0.0.0/99"] }, /not an address or CIDR block: 10\.0\.0\.0\/99/],
  ];
  for (const [match, message] of table) {
    assert.throws(
      () => Router.of([{ name: "bad", match, value: 1 }]),
      { name: "RangeError", message },
      JSON.stringify(match),
    );
  }
});

// A second, plain implementation of the rules in the documentation, and random tables small enough to collide all the
// time.

interface PlainRoute {
  priority?: number | undefined;
  match: RouteMatch;
}

function plainMatch(routes: PlainRoute[], request: RequestHead): number | null {
  const found: { at: number; key: number[] }[] = [];
  for (const [at, { priority = 0, match }] of routes.entries()) {
    const hostKeys = (match.host ?? ["*"]).flatMap((host) => {
      if (host === "*") return [0];
      if (host.startsWith("*."))
        return request.host.endsWith(host.slice(1)) && request.host.length >= host.length ? [host.length] : [];
      return request.host === host ? [1000] : [];
    });
    if (hostKeys.length === 0) continue;
    const path = match.path ?? "/*";
    let pathKey = -1;
    if (path.endsWith("/*")) {
      const prefix = path.slice(0, -2);
      if (request.path === prefix || request.path.startsWith(`${prefix}/`)) pathKey = prefix.length;
    } else if (request.path === path) pathKey = 1000;
    if (pathKey === -1) continue;
    if (match.method !== undefined && !match.method.includes(request.method)) continue;
    if (match.query !== undefined && request.query !== "debug=1") continue;
    const others = (match.method === undefined ? 0 : 1) + (match.query === undefined ? 0 : 1);
    found.push({ at, key: [priority, Math.max(...hostKeys), pathKey, others, -at] });
  }
  found.sort((a, b) => {
    for (const [index, value] of a.key.entries()) if (value !== b.key[index]) return (b.key[index] ?? 0) - value;
    return 0;
  });
  return found[0]?.at ?? null;
}

const hostPattern = fc.constantFrom("a", "x.a", "y.x.a", "*.a", "*.x.a", "*");
const segments = fc.array(fc.constantFrom("p", "q", ""), { maxLength: 3 });
const pathPattern = fc
  .tuple(segments, fc.boolean())
  .map(([parts, isPrefix]) => `/${parts.join("/")}${isPrefix ? "/*" : ""}`.replace(/^\/\/\*$/, "/*"));
const plainRoute: fc.Arbitrary<PlainRoute> = fc.record({
  priority: fc.option(fc.integer({ min: -1, max: 2 }), { nil: undefined, freq: 2 }),
  match: fc.record(
    {
      host: fc.array(hostPattern, { minLength: 1, maxLength: 3 }),
      path: pathPattern,
      method: fc.constant(["GET"]),
      query: fc.constant({ debug: "1" }),
    },
    { requiredKeys: [] },
  ),
});

test("the router agrees with a plain walk over all routes", () => {
  const asked = fc.record({
    host: fc.constantFrom("a", "x.a", "y.x.a", "z.y.x.a", "b"),
    method: fc.constantFrom("GET", "POST"),
    path: segments.map((parts) => `/${parts.join("/")}`),
    query: fc.constantFrom("", "debug=1"),
  });
  fc.assert(
    fc.property(
      fc.array(plainRoute, { maxLength: 14 }),
      fc.array(asked, { minLength: 1, maxLength: 6 }),
      (routes, requests) => {
        const specs: RouteSpec<number>[] = routes.map((route, at) => ({ name: String(at), ...route, value: at }));
        const router = Router.of(specs);
        for (const one of requests) {
          const head = Object.assign(new RequestHead(), one);
          assert.equal(router.match(exchangeAround(head)), plainMatch(routes, head), JSON.stringify(one));
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

test("matchers see a request as its endpoint will: no trust fields of strangers, nothing that Connection takes away, no white space but SP and HTAB around cookies", () => {
  const router = routerOf({
    internal: { header: { "x-real-ip": "10.0.0.1" } },
    secure: { header: { "x-forwarded-proto": "https" } },
    beta: { cookie: { beta: "1" } },
    canary: { header: { "x-canary": "*" } },
    rest: {},
  });
  const table: [lines: string, isPeerTrusted: boolean, expected: string][] = [
    ["X-Real-IP: 10.0.0.1", false, "rest"],
    ["X-Real-IP: 10.0.0.1", true, "internal"],
    ["X-Forwarded-Proto: https", false, "rest"],
    ["X-Forwarded-Proto: https", true, "secure"],
    ["Cookie: a=b; beta=1", false, "beta"],
    ["Cookie: beta=0; beta=1", false, "beta"],
    ["Cookie: beta=\xa01", false, "rest"],
    ["Cookie: \xa0beta=1", false, "rest"],
    ["Cookie: beta=1\r\nConnection: cookie", false, "rest"],
    ["X-Canary: 1", false, "canary"],
    ["X-Canary: 1\r\nConnection: close, x-canary", false, "rest"],
  ];
  for (const [lines, isPeerTrusted, expected] of table) {
    const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n\r\n`, "latin1");
    parseRequestHead(bytes, 0, bytes.length, { headBytes: 16_384, headFields: 100 }, isPeerTrusted);
    assert.equal(router.match(exchangeAround(parsed.head!, { isPeerTrusted })), expected, lines);
  }
});
