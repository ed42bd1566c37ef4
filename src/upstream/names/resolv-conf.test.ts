import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHosts } from "./hosts-file.ts";
import { namesToTry, parseResolvConf, type ResolverSettings } from "./resolv-conf.ts";

const plain = { hostName: "box", environment: {} };
const defaults: ResolverSettings = {
  servers: ["127.0.0.1"],
  search: [],
  ndots: 1,
  timeoutMs: 2_000,
  attempts: 2,
  canRotate: false,
};

test("settings are read as resolv.conf(5) says", () => {
  const cases: [text: string, expected: Partial<ResolverSettings>][] = [
    ["", {}],
    [
      "nameserver 10.0.0.1\nnameserver  2001:db8::1 \nnameserver fe80::1%eth0\nnameserver 10.0.0.4",
      { servers: ["10.0.0.1", "2001:db8::1", "fe80::1%eth0"] },
    ],
    [
      "nameserver 10.0.0.1:5353\nnameserver [::1]:53\nnameserver ns.example\nnameserver",
      { servers: ["10.0.0.1:5353", "[::1]:53"] },
    ],
    ["search a.test B.test.\tc.test", { search: ["a.test", "b.test", "c.test"] }],
    ["search a.test\ndomain b.test c.test", { search: ["b.test"] }],
    ["domain b.test\nsearch a.test a.test .", { search: ["a.test", ""] }],
    ["search a.test\nsearch", { search: [] }],
    ["# search a.test\n; search b.test\n", {}],
    [
      "options ndots:5 timeout:1 attempts:3 rotate use-vc edns0",
      { ndots: 5, timeoutMs: 1_000, attempts: 3, canRotate: true },
    ],
    ["options ndots:99 timeout:99 attempts:99", { ndots: 15, timeoutMs: 30_000, attempts: 5 }],
    ["options ndots:0 timeout:0 attempts:0", { ndots: 0, timeoutMs: 1_000, attempts: 1 }],
    ["options ndots:5\noptions ndots:2", { ndots: 2 }],
    ["options ndots:x timeout:-1 attempts: ndots\nnonsense\n\u0000\u0001", {}],
    [
      `search ${Array.from({ length: 40 }, (_, at) => `d${at}.test`).join(" ")}`,
      { search: Array.from({ length: 32 }, (_, at) => `d${at}.test`) },
    ],
  ];
  for (const [text, expected] of cases) {
    for (const ended of [text, text.replaceAll("\n", "\r\n")])
      assert.deepEqual(parseResolvConf(ended, plain), { ...defaults, ...expected }, JSON.stringify(ended));
  }
});

test("what surrounds the file counts: no file, this machine's domain, the variables", () => {
  assert.deepEqual(parseResolvConf(null, plain), { ...defaults, servers: [] });
  assert.deepEqual(parseResolvConf("", { ...plain, hostName: "box.lan.test" }).search, ["lan.test"]);
  assert.deepEqual(parseResolvConf("search a.test", { ...plain, hostName: "box.lan.test" }).search, ["a.test"]);
  const environment = { LOCALDOMAIN: "x.test y.test", RES_OPTIONS: "ndots:3 rotate" };
  assert.deepEqual(parseResolvConf("search a.test\noptions ndots:5", { ...plain, environment }), {
    ...defaults,
    search: ["x.test", "y.test"],
    ndots: 3,
    canRotate: true,
  });
});

test("the names to ask for, in their order", () => {
  const cases: [host: string, search: string[], ndots: number, names: string[]][] = [
    ["api", [], 1, ["api"]],
    ["api", ["a.test", "b.test"], 1, ["api.a.test", "api.b.test", "api"]],
    ["api", ["a.test"], 0, ["api", "api.a.test"]],
    ["api.dev", ["a.test"], 1, ["api.dev", "api.dev.a.test"]],
    ["API.dev", ["a.test"], 2, ["api.dev.a.test", "api.dev"]],
    ["a.b.c.d.e", ["a.test"], 5, ["a.b.c.d.e.a.test", "a.b.c.d.e"]],
    ["a.b.c.d.e.f", ["a.test"], 5, ["a.b.c.d.e.f", "a.b.c.d.e.f.a.test"]],
    ["api.dev.", ["a.test"], 5, ["api.dev"]],
    ["api", ["", "a.test"], 1, ["api", "api.a.test"]],
    ["api", [`${"x".repeat(63)}.`.repeat(3) + "y".repeat(60)], 1, ["api"]],
  ];
  for (const [host, search, ndots, names] of cases)
    assert.deepEqual(namesToTry(host, { search, ndots }), names, `${host} ndots:${ndots}`);
});

test("the names of a hosts file are found whatever its spacing, case and comments", () => {
  const text =
    "127.0.0.1 localhost\n# 10.0.0.9 gone\n10.0.0.1\tApi.Test.  api # the api\r\n\r\n::1 ip6-localhost localhost\n10.0.0.2\nnonsense api\n10.0.0.3 api\n10.0.0.1 api\nfe80::1%eth0 link";
  assert.deepEqual(Object.fromEntries(parseHosts(text)), {
    localhost: ["127.0.0.1", "::1"],
    "api.test": ["10.0.0.1"],
    api: ["10.0.0.1", "10.0.0.3"],
    "ip6-localhost": ["::1"],
    link: ["fe80::1%eth0"],
  });
});
