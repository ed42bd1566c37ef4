import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { assertSupportedNode, version } from "./version.ts";

test("the version is the package's", () => {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  assert.equal(version, manifest.version);
});

test("a Node.js that the package's engines leave out is refused in a sentence", () => {
  for (const old of ["12.22.0", "20.20.2", "22.17.0", "23.0.0", "24.10.0", "25.1.0"]) {
    assert.throws(() => assertSupportedNode(old), {
      message: `millrace needs Node.js 22.18, 24.11, or 26 and later; this is Node.js ${old}.`,
    });
  }
  for (const good of ["22.18.0", "24.11.0", "26.0.0", "27.1.0"]) assertSupportedNode(good);
});
