import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { TestAuthority } from "../net/testing/test-authority.ts";
import { remoteTlsOf } from "./remote-tls-files.ts";
import { remoteTlsSchema } from "./remote-tls-options.ts";
import type { RemoteTls } from "./remote-tls.ts";

const none = { ca: null, cert: null, key: null, serverName: null, verify: true };

test("files that are replaced are read again, and what cannot be used is not", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-remote-tls-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string): void => {
    writeFileSync(join(folder, `${name}.new`), text);
    renameSync(join(folder, `${name}.new`), join(folder, name));
  };
  const authority = await TestAuthority.create();
  const [first, second] = [await authority.issue({ names: ["a.test"] }), await authority.issue({ names: ["b.test"] })];
  const source = remoteTlsOf({
    ...none,
    ca: join(folder, "ca"),
    cert: join(folder, "cert"),
    key: join(folder, "key"),
  }) as () => RemoteTls;
  assert.throws(source, /ENOENT/);
  write("ca", "words");
  write("cert", first.cert);
  write("key", first.key);
  assert.throws(source, /ca holds no certificate/);
  write("ca", authority.root);
  const before = source();
  assert.deepEqual([before.ca, before.cert?.trim(), before.key], [authority.root, first.cert.trim(), first.key]);
  assert.equal(source(), before, "nothing is read without need");
  write("cert", second.cert);
  assert.equal(source(), before, "the key is the old one");
  write("key", second.key);
  assert.equal(source().cert?.trim(), second.cert.trim());
  rmSync(join(folder, "ca"));
  assert.equal(source().cert?.trim(), second.cert.trim());
});

test("without files there is nothing to read", () => {
  assert.equal(remoteTlsOf(null), null);
  assert.deepEqual(remoteTlsOf({ ...none, verify: false }), { ...none, verify: false });
});

test("options that contradict each other are refused", () => {
  assert.deepEqual(remoteTlsSchema.parse({}), none);
  for (const wrong of [
    { cert: "a" },
    { key: "a" },
    { ca: "a", verify: false },
    { serverName: "a b" },
    { serverName: "" },
    { ca: "" },
    { others: 1 },
  ])
    assert.equal(remoteTlsSchema.safeParse(wrong).success, false, JSON.stringify(wrong));
});
