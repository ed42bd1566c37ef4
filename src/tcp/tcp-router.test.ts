import assert from "node:assert/strict";
import { test } from "node:test";
import { TcpRouter, type TcpRouteSpec } from "./tcp-router.ts";

const route = (value: string, more: Partial<TcpRouteSpec<string>> = {}): TcpRouteSpec<string> => ({
  priority: 0,
  listeners: [],
  sni: [],
  clientIp: [],
  value,
  ...more,
});

const match = (
  router: TcpRouter<string>,
  serverName: string | null,
  { listenerName = "main", clientIp = "192.0.2.1" } = {},
): string | null => router.match({ listenerName, serverName, clientIp });

test("the exact name wins over the longer wildcard, that over the shorter, any name over none", () => {
  const router = new TcpRouter([
    route("without", { listeners: ["main"] }),
    route("any", { sni: ["*"] }),
    route("short", { sni: ["*.test"] }),
    route("long", { sni: ["*.a.test"] }),
    route("exact", { sni: ["x.a.test", "y.test"] }),
  ]);
  const cases: [string | null, string | null][] = [
    ["x.a.test", "exact"],
    ["y.test", "exact"],
    ["z.a.test", "long"],
    ["b.z.a.test", "long"],
    ["a.test", "short"],
    ["test", "any"],
    [null, "without"],
  ];
  for (const [name, expected] of cases) assert.equal(match(router, name), expected, String(name));
  assert.equal(match(router, null, { listenerName: "other" }), null);
});

test("a client that names no server never gets a route that asks for a name", () => {
  const router = new TcpRouter([route("any", { sni: ["*"], listeners: ["main"] })]);
  assert.equal(match(router, null), null);
  assert.equal(match(router, "a.test"), "any");
  assert.equal(router.asksForName("main"), true);
  assert.equal(router.asksForName("other"), false);
});

test("listeners and networks narrow a route down, and count for its rank", () => {
  const router = new TcpRouter([
    route("all", { sni: ["a.test"] }),
    route("inside", { sni: ["a.test"], clientIp: ["10.0.0.0/8"] }),
    route("other", { sni: ["a.test"], listeners: ["other"], clientIp: ["10.0.0.0/8"] }),
    route("first", { sni: ["*"], priority: 1, clientIp: ["10.9.9.9"] }),
  ]);
  assert.equal(match(router, "a.test"), "all");
  assert.equal(match(router, "a.test", { clientIp: "10.1.1.1" }), "inside");
  assert.equal(match(router, "a.test", { clientIp: "10.1.1.1", listenerName: "other" }), "other");
  assert.equal(match(router, "a.test", { clientIp: "10.9.9.9" }), "first");
  assert.equal(router.asksForName("whatever"), true);
});

test("among equals the first wins", () => {
  const router = new TcpRouter([route("one", { listeners: ["main"] }), route("two", { listeners: ["main"] })]);
  assert.equal(match(router, null), "one");
  assert.equal(router.asksForName("main"), false);
});
