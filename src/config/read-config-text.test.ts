import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfigText } from "./config-loader.ts";
import { ConfigError } from "./problem.ts";

const loadText = (text: string, environment: Record<string, string> = {}): ReturnType<typeof loadConfigText> =>
  loadConfigText(
    { text, name: "etcd://a:2379/k", isJson: false, folder: "/srv/millrace", maxBytes: 1 << 20 },
    { environment },
  );

test("a text from elsewhere is read as a file is: with the environment, paths below a folder, frames under its name", async () => {
  const config = await loadText(
    'listeners: [{ address: ":443", tls: { certificates: [{ cert: a.pem, key: /b.key }] } }]\nroutes: [{ respond: { body: "${A}" } }]\n',
    { A: "from the environment" },
  );
  assert.equal(config.routes[0]?.respond?.body, "from the environment");
  assert.deepEqual(
    config.listeners[0]?.tls?.certificates.map(({ cert, key }) => [cert, key]),
    [["/srv/millrace/a.pem", "/b.key"]],
  );
  await assert.rejects(
    loadText('listeners: [{ address: ":1" }]\nroutes: [{ respnd: {} }]\n'),
    /^ConfigError: etcd:\/\/a:2379\/k:2:\d+: error: unknown key "respnd"[^]*> 2 \| routes/,
  );
});

test("whatever stands in place of a configuration is refused in a sentence", async () => {
  const table: readonly [string, RegExp][] = [
    ["", /the configuration is empty/],
    ["   \n", /the configuration is empty/],
    ["null", /the configuration is empty/],
    ["[]", /is a section with keys/],
    ["7", /is a section with keys/],
    ["{", /./],
    ["\uFFFD\uFFFDELF", /not UTF-8 text/],
    ["\0\0\0", /./],
    [`x: "${"y".repeat(1 << 20)}"`, /larger than 1024 KiB/],
    ["é".repeat(600_000), /larger than 1024 KiB/],
    ["export default {};", /./],
    ['{"listeners": 7, "routes": "none"}', /listeners/],
    ["a: &a [*a]", /./],
    ["[".repeat(100_000), /./],
  ];
  for (const [text, sentence] of table)
    await assert.rejects(loadText(text), (error: unknown) => {
      assert.ok(error instanceof ConfigError, text.slice(0, 40));
      assert.match(error.message, sentence);
      return true;
    });
});
