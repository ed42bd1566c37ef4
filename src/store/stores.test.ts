import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../observe/logger.ts";
import { MetricWriter } from "../observe/metric-writer.ts";
import { storesSchema } from "./options.ts";
import { Stores } from "./stores.ts";

test("a thread opens only stores that are asked about requests", async () => {
  const stores = new Stores({
    metrics: new MetricWriter({ onPage: () => {}, pageBytes: 4_096 }),
    logger: silentLogger,
    names: {
      lookup: () => assert.fail("no name is looked up"),
      watch: () => assert.fail("no name is followed"),
      unwatch: () => {},
    },
  });
  const options = storesSchema.parse({ agent: { consul: {} }, cluster: { etcd: { urls: ["http://etcd.test:2379"] } } });
  assert.deepEqual(
    [...(await stores.prepare(options))],
    [
      ["agent", "exchanged"],
      ["cluster", "exchanged"],
    ],
  );
  stores.commit();
  stores.close();
});
