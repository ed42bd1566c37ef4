import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { test } from "node:test";
import { createAccessLogReference, createMetricsReference } from "../../scripts/observe-reference.ts";
import { reasons } from "../../src/http/reason.ts";
import { allFamilies, families } from "../../src/observe/families.ts";

const committed = (name: string): Promise<string> =>
  readFile(new URL(`../../docs/reference/${name}`, import.meta.url), "utf8");

test("the committed metrics reference is what the registry says (else run scripts/generate-docs.ts)", async () => {
  assert.equal(await committed("metrics.md"), createMetricsReference());
});

test("the committed access log reference is what the code says (else run scripts/generate-docs.ts)", async () => {
  assert.equal(await committed("access-log.md"), createAccessLogReference(new Map(Object.entries(reasons))));
});

test("metric families are named, typed and explained as Prometheus wants", () => {
  const names = new Set<string>();
  for (const family of allFamilies) {
    assert.match(family.name, /^(?:millrace|process|nodejs)_[a-z][a-z0-9_]*$/);
    assert.equal(family.name.endsWith("_total"), family.type === "counter", family.name);
    assert.equal(family.bounds.length > 0, family.type === "histogram", family.name);
    assert.deepEqual(
      [...family.bounds].sort((a, b) => a - b),
      [...family.bounds],
      family.name,
    );
    if (family.unit !== null) assert.ok(family.name.replace(/_total$/, "").endsWith(`_${family.unit}`), family.name);
    for (const label of family.labels) assert.match(label, /^[a-z]+$/);
    assert.ok(!family.labels.includes("le"));
    assert.match(family.help, /\.$/, family.name);
    assert.ok(!names.has(family.name), family.name);
    names.add(family.name);
  }
});

test("every metric family is written by something", async () => {
  const source = new URL("../../src/", import.meta.url);
  let text = "";
  for await (const name of glob("**/*.ts", { cwd: source }))
    if (!name.endsWith(".test.ts")) text += await readFile(new URL(name, source), "utf8");
  const used = new Set([...text.matchAll(/\bfamilies\.(\w+)/g)].map((match) => match[1]));
  assert.deepEqual(
    Object.keys(families).filter((key) => !used.has(key)),
    [],
  );
});
