/**
 * Whatever is written, the answer is a configuration or problems in plain words: never an exception, never the words of
 * a library.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseConfigText } from "./parse-config-text.ts";
import { readConfig } from "./parse-config.ts";
import { ConfigError, formatProblems } from "./problem.ts";

const full = {
  workers: 2,
  shutdown: { grace: "30s", delay: "0s" },
  listeners: [
    {
      name: "main",
      address: ":8080",
      trustedProxies: ["10.0.0.0/8"],
      limits: { headBytes: "16KiB", headFields: 100 },
      timeouts: { head: "10s" },
    },
  ],
  routes: [
    {
      name: "api",
      priority: 1,
      match: {
        host: ["a.example.com"],
        path: "/v1/*",
        method: ["GET"],
        header: { "x-a": "1" },
        query: { a: "b" },
        cookie: { c: "*" },
        clientIp: ["::1"],
      },
      middlewares: [
        { headers: { request: { set: { a: "b" }, add: {}, remove: ["c"] }, response: {} } },
        { rewrite: { stripPrefix: "/v1" } },
      ],
      timeouts: { total: "5s" },
      upstream: "api",
    },
    { match: { path: "/old/*" }, redirect: { to: "https://example.com{path}", status: 301 } },
    { respond: { status: 200, body: "x", headers: { a: "b" } } },
  ],
  upstreams: {
    api: {
      endpoints: ["http://a", { url: "unix:/x", weight: 2, backup: true }],
      balance: "random",
      health: { path: "/h", expect: [200, "3xx"], jitter: "10%" },
      retry: { attempts: 1, on: ["connect"] },
      pool: { pipelining: 2 },
      timeouts: { connect: "1s" },
      protocol: "http1",
    },
  },
  admin: { address: "127.0.0.1:9901", tokens: [{ token: "0123456789", role: "write" }] },
  log: { level: "warn", access: { format: "template", template: "{method}" }, stats: "1s" },
};

/** Every path into `value`, itself included. */
function pathsOf(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [path];
  return [
    path,
    ...Object.entries(value).flatMap(([key, below]) =>
      pathsOf(below, [...path, Array.isArray(value) ? Number(key) : key]),
    ),
  ];
}

function withValueAt(root: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  const copy = structuredClone(root) as Record<string | number, unknown>;
  copy[step] = withValueAt(copy[step], rest, value);
  return copy;
}

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e300,
    "",
    " ",
    "x",
    "10",
    "${X}",
    "a\r\nb",
    "é",
    [],
    {},
    [null],
    [[]],
    [{}],
    { x: 1 },
    { url: null },
    { headers: null },
    undefined,
  ),
  fc.jsonValue({ maxDepth: 3 }),
);

const foreignWords = /invalid input|received|zod|undefined|\[object|NaN/i;

test("the whole configuration is valid as it stands", () => {
  assert.deepEqual(readConfig(full).findings, []);
});

test("a wrong value in any place is a problem in plain words, or fine", () => {
  fc.assert(
    fc.property(fc.constantFrom(...pathsOf(full)), odd, (path, value) => {
      const reading = readConfig(withValueAt(full, path, value));
      for (const { message, hint } of reading.findings)
        assert.doesNotMatch(
          `${message.replace(/"(?:[^"\\]|\\.)*"/g, "")} ${hint === null ? "" : "hint"}`,
          foreignWords,
          message,
        );
      return (reading.config === null) === reading.findings.length > 0;
    }),
    { numRuns: 1_500 },
  );
});

test("a damaged file is a configuration or problems, each within the text", () => {
  const text =
    '# comment\nlisteners:\n  - address: ":8080" # here\n    timeouts: { head: 10s }\nroutes:\n  - &r\n    match: { path: \'/x/*\', method: [GET, POST] }\n    upstream: api\n  - *r\nupstreams:\n  api:\n    endpoints: [ "http://${HOST:-a}:1" ]\n    balance: >-\n      random\n';
  const lineCount = text.split("\n").length;
  const put = fc.constantFrom(
    "",
    ":",
    " ",
    "\n",
    "\t",
    "-",
    "[",
    "]",
    "{",
    "}",
    '"',
    "'",
    "#",
    "&a",
    "*a",
    "!",
    "|",
    ">",
    "%",
    "@",
    "${",
    "<<",
    "?",
    ",",
    "\u0000",
    "\ud800",
    "---\n",
  );
  fc.assert(
    fc.property(fc.nat(text.length), fc.nat(6), put, (at, removed, inserted) => {
      const damaged = text.slice(0, at) + inserted + text.slice(at + removed);
      try {
        parseConfigText(damaged, { file: "f.yaml", environment: {} });
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        assert.ok(error.problems.length > 0);
        for (const problem of error.problems)
          assert.ok(
            problem.line >= 1 && problem.line <= lineCount + 1 && problem.column >= 1 && problem.length >= 1,
            formatProblems([problem]),
          );
      }
      return true;
    }),
    { numRuns: 1_500 },
  );
});
