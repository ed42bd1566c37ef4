import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findCommand, missingPackages } from "./install-packages.ts";

test("a command is found on the path, and one that does not exist is not", () => {
  assert.match(findCommand("sh") ?? "", /\/sh$/);
  assert.equal(findCommand("no-such-command-anywhere"), null);
});

test("a package is missing unless its command can be executed", () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-packages-"));
  const path = process.env["PATH"];
  process.env["PATH"] = folder;
  try {
    assert.ok(missingPackages("bench").includes("wrk"));
    writeFileSync(join(folder, "wrk"), "", { mode: 0o644 });
    assert.ok(missingPackages("bench").includes("wrk"), "a file without the right to execute it is no command");
    writeFileSync(join(folder, "curl"), "", { mode: 0o755 });
    assert.ok(!missingPackages("bench").includes("curl"));
    assert.ok(!missingPackages("test").includes("curl"));
  } finally {
    process.env["PATH"] = path;
    rmSync(folder, { recursive: true });
  }
});
