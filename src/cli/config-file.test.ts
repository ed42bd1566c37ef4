import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveConfig, toStorePlace } from "./config-file.ts";
import { CommandFailure } from "./failure.ts";

test("a URL of a store with a slash too few is not shown as the name of a file: it may hold a password", async () => {
  const isRefusal = (error: unknown): boolean =>
    error instanceof CommandFailure && /two slashes/.test(error.message) && !error.message.includes("secret");
  for (const url of ["etcd:/root:secret@a:1/x", "etcds:root:secret@a:1/x", "CONSUL:/secret@a:1/x"]) {
    await assert.rejects(resolveConfig(url), isRefusal);
    assert.throws(() => toStorePlace(url), isRefusal);
  }
  assert.deepEqual(await resolveConfig("etcd.yaml"), { kind: "file", name: "etcd.yaml" });
});
