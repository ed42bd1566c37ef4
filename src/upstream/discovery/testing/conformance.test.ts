import assert from "node:assert/strict";
import { test } from "node:test";
import { discoveryCases, testDiscovery } from "./conformance.ts";
import { defects, MemoryDriver } from "./memory-driver.ts";

testDiscovery("a source in memory", () => Promise.resolve(new MemoryDriver()));

for (const defect of defects)
  test(`the suite finds a discovery that ${defect}`, async () => {
    const findings: string[] = [];
    for (const { name, run } of discoveryCases) {
      const driver = new MemoryDriver(defect);
      await run({ driver, patience: { ms: 50 } }).catch((error: unknown) => findings.push(`${name}: ${String(error)}`));
      await driver.close();
    }
    assert.ok(findings.length > 0);
  });
