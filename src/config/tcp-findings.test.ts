import assert from "node:assert/strict";
import { test } from "node:test";
import { findTcpProblems } from "./tcp-findings.ts";
import { formatPath } from "./problem.ts";

const plain = {
  listeners: [{ name: "main", address: ":6379", mode: "tcp" }],
  routes: [{ match: { listener: "main" }, upstream: "db" }],
  upstreams: { db: { endpoints: ["tcp://10.0.0.1:6379", { url: "unix:/run/db.sock" }] } },
};

const findingsOf = (root: unknown): string[] =>
  findTcpProblems(root).map(({ path, message }) => `${formatPath(path)}: ${message}`);

test("what is complete and for TCP alone is no problem, nor is what is for HTTP", () => {
  assert.deepEqual(findingsOf(plain), []);
  assert.deepEqual(
    findingsOf({
      listeners: [
        { name: "web", address: ":80", trustedProxies: ["10.0.0.0/8"], limits: { bodyBytes: 1 } },
        { address: ":6379", mode: "tcp", timeouts: { idle: "1m", head: "1s" } },
        { address: { unix: "/run/x.sock" }, mode: "tcp" },
      ],
      routes: [
        { match: { listener: ":6379" }, upstream: "db" },
        { match: { listener: ["unix:/run/x.sock"], sni: "a.test" }, upstream: "db" },
        { match: { listener: "web", path: "/x" }, upstream: "web", timeouts: { total: "1s" } },
      ],
      upstreams: { ...plain.upstreams, web: { endpoints: ["http://10.0.0.1:80"], sticky: { key: "clientIp" } } },
    }),
    [],
  );
});

const cases: [title: string, change: (root: any) => void, expected: string[]][] = [
  [
    "a listener that no route leads on from",
    (root) => (root.routes[0].match = { path: "/x" }),
    [
      'routes[0].upstream: the upstream "db" has endpoints that begin with "tcp://" or "udp://", which speak no HTTP',
      "listeners[0].mode: no route leads on from this listener",
    ],
  ],
  [
    "a listener that is not there",
    (root) => (root.routes[0].match.listener = ["main", "mian"]),
    ['routes[0].match.listener[1]: there is no listener "mian"'],
  ],
  [
    "options of HTTP at a listener of TCP",
    (root) => Object.assign(root.listeners[0], { trustedProxies: [], timeouts: { body: "1s" } }),
    [
      'listeners[0].trustedProxies: "trustedProxies" is for HTTP; this listener has "mode: tcp"',
      'listeners[0].timeouts.body: "timeouts.body" is for HTTP; this listener has "mode: tcp"',
    ],
  ],
  [
    "the idle timeout of TCP at a listener of HTTP",
    (root) => root.listeners.push({ address: ":80", timeouts: { idle: "1s" } }),
    ['listeners[1].timeouts.idle: "timeouts.idle" is for listeners with "mode: tcp" or "udp"'],
  ],
  [
    "a route of both kinds of listeners",
    (root) => {
      root.listeners.push({ name: "web", address: ":80" });
      root.routes.push({ match: { listener: ["main", "web"] }, upstream: "db" });
    },
    ['routes[1].match.listener: a route is for listeners of HTTP, or for some with "mode: tcp" or "udp"'],
  ],
  [
    "server names at a listener of HTTP",
    (root) => {
      root.listeners.push({ name: "web", address: ":80" });
      root.routes.push({ match: { listener: "web", sni: "a.test" }, upstream: "db" });
    },
    ['routes[1].match.sni: "sni" is for listeners with "mode: tcp"'],
  ],
  [
    "options of HTTP on a route of TCP",
    (root) => Object.assign(root.routes[0], { middlewares: [], match: { listener: "main", host: "a" } }),
    [
      'routes[0].match.host: "match.host" is for HTTP; this route is for listeners with "mode: tcp" or "udp"',
      'routes[0].middlewares: "middlewares" is for HTTP; this route is for listeners with "mode: tcp" or "udp"',
    ],
  ],
  [
    "a route of TCP that answers by itself",
    (root) => (root.routes[0] = { match: { listener: "main" }, respond: { status: 200 } }),
    ['routes[0].respond: a route for listeners with "mode: tcp" or "udp" leads to an upstream'],
  ],
  [
    "endpoints of HTTP behind a route of TCP",
    (root) => root.upstreams.db.endpoints.push("http://10.0.0.2:80"),
    [
      'routes[0].upstream: the upstream "db" has the endpoint "http://10.0.0.2:80"; a route for listeners with "mode: tcp" needs endpoints that begin with "tcp://" or "unix:"',
    ],
  ],
  [
    "options of HTTP at an upstream of TCP",
    (root) =>
      Object.assign(root.upstreams.db, {
        sticky: { key: "clientIp" },
        health: { path: "/" },
        balance: { maglev: { key: "path" } },
      }),
    [
      'upstreams.db.sticky: "sticky" is for HTTP; this upstream serves listeners with "mode: tcp" or "udp"',
      'upstreams.db.health.path: "health.path" is for HTTP; this upstream serves listeners with "mode: tcp" or "udp"',
      'upstreams.db.balance.maglev.key: "path" is for HTTP; sessions of TCP are told apart by "clientIp" alone',
    ],
  ],
];

test("what listeners of datagrams cannot have is a problem, and one port may be of TCP and of UDP", () => {
  const root = {
    listeners: [
      { address: ":53", mode: "tcp" },
      { address: ":53", mode: "udp", timeouts: { idle: "5s" } },
    ],
    routes: [
      { match: { listener: ":53" }, upstream: "tcp" },
      { match: { listener: ":53/udp" }, upstream: "udp" },
    ],
    upstreams: { tcp: { endpoints: ["tcp://10.0.0.1:53"] }, udp: { endpoints: ["udp://10.0.0.1:53"] } },
  };
  assert.deepEqual(findingsOf(root), []);
  const wrong = structuredClone(root) as any;
  wrong.listeners.push({ name: "again", address: ":53", mode: "udp", tls: {} });
  wrong.listeners.push({ name: "unix", address: "unix:/run/x", mode: "udp" });
  wrong.routes[1].match.sni = "a.test";
  wrong.routes.push({ match: { listener: ["again", "unix"] }, upstream: "tcp" });
  wrong.upstreams.udp.health = { tcp: true };
  wrong.routes.push({ match: { listener: ":53/udp" }, upstream: "udp" });
  assert.deepEqual(findingsOf(wrong), [
    'listeners[2].tls: "tls" is not for listeners with "mode: udp"',
    'listeners[3].address: datagrams come to an address such as ":53"',
    'routes[1].match.sni: "sni" is for listeners with "mode: tcp"',
    'routes[2].upstream: the upstream "tcp" has the endpoint "tcp://10.0.0.1:53"; a route for listeners with "mode: udp" needs endpoints that begin with "udp://"',
    'upstreams.udp.health: "health" is not for upstreams of listeners with "mode: udp"',
    'listeners[2].address: the address ":53/udp" is taken already, by listeners[1]',
  ]);
});

for (const [title, change, expected] of cases)
  test(`${title} is a problem`, () => {
    const root = structuredClone(plain) as unknown;
    change(root);
    assert.deepEqual(findingsOf(root), expected);
  });

test("nonsense is no problem of this file", () => {
  for (const root of [null, {}, { listeners: 1, routes: [null, 1], upstreams: [] }, { listeners: [null] }])
    assert.deepEqual(findingsOf(root), []);
});
