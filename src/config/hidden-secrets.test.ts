import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfigText } from "./config-loader.ts";
import { hideSecrets } from "./hidden-secrets.ts";
import { ConfigError } from "./problem.ts";
import { secretKeys } from "./secret-keys.ts";

const cases: readonly (readonly [string, string])[] = [
  ["    hmacKey: c2VjcmV0", "    hmacKey: ********"],
  ["admin: { tokens: [{ token: abc, role: write }] }", "admin: { tokens: [{ token: ***, role: write }] }"],
  ['  "token": "a, b",', '  "token": ******,'],
  ["password: two words", "password: *********"],
  ["sticky: { cookie: { secret: 'x}y' } }", "sticky: { cookie: { secret: ***** } }"],
  ["redis: redis://me:pa55@h:1/2", "redis: redis://me:****@h:1/2"],
  ["urls: [http://:p@a, https://u:q@b]", "urls: [http://:*@a, https://u:*@b]"],
  ['token: "${ADMIN_TOKEN}"', 'token: "${ADMIN_TOKEN}"'],
  ["redis: redis://me:${PASSWORD}@h", "redis: redis://me:${PASSWORD}@h"],
  ["secret: { file: a }", "secret: { file: a }"],
  ["secret: |", "secret: |"],
  ["headers: { Authorization: Bearer abc, x-api-key: d }", "headers: { Authorization: **********, x-api-key: **}"],
  ["tokens: []", "tokens: []"],
  ["  - http://10.0.0.1:8081", "  - http://10.0.0.1:8081"],
];

for (const [line, shown] of cases) test(`of ${line.trim()}`, () => assert.equal(hideSecrets(line), shown));

test("of a key that is misspelt, wherever it is shown", async () => {
  const text = `listeners: [{ address: ":8080" }]
routes: [{ upstream: a }]
upstreams:
  a: { discovery: { consul: { service: 7, tokn: hunter2 } } }
  b: { discovery: { etcd: { urls: ["http://a:2379"], prefix: /a/, user: u, "pass.word": hunter2 } } }
`;
  const error = await loadConfigText({ text, name: "a.yaml", isJson: false, folder: "/", maxBytes: 1_000 }, {}).catch(
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ConfigError);
  assert.match(error.message, /did you mean "token"\?/);
  assert.match(error.message, /did you mean "password"\?/);
  assert.doesNotMatch(error.message, /hunter2/);
});

for (const key of secretKeys)
  test(`of the option ${key}, which its schema marks`, () => assert.equal(hideSecrets(`${key}: abc`), `${key}: ***`));

test("a long line takes no time that grows faster than it", () => {
  const line = `x: ${"://a:".repeat(50_000)}${"secret: ".repeat(50_000)}`;
  assert.equal(hideSecrets(line).length, line.length);
});
