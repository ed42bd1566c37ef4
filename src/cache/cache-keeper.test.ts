import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedMemory } from "../base/shared-memory.ts";
import { MetricReader } from "../observe/metric-reader.ts";
import { families } from "../observe/families.ts";
import { MetricWriter } from "../observe/metric-writer.ts";
import { silentWarnings } from "../observe/repeated-warning.ts";
import { CacheKeeper } from "./cache-keeper.ts";
import type { CachePlace } from "./cache-place.ts";
import { PurgeLog } from "./purge/purge-log.ts";
import type { PurgeRequest } from "./purge/purge-operator.ts";

const memoryOf = (maxBytes: number, name = "memory"): CachePlace => ({
  name,
  kind: "memory",
  maxBytes,
  maxObjectBytes: 1_000,
});

function create(broken: readonly string[] = []) {
  const memory = new SharedMemory();
  const reader = new MetricReader();
  const lines: string[] = [];
  const told: string[] = [];
  const write = (message: string, fields?: object): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  let opened = 0;
  const control = new CacheKeeper(
    {
      memory,
      stripes: 1,
      metrics: new MetricWriter({ onPage: (page) => reader.addPage("control", page) }),
      logger: { debug: write, info: write, warn: write, error: write },
      warnings: silentWarnings,
    },
    async ({ name }) => {
      if (broken.includes(name)) throw new Error(`${name} is broken`);
      const id = `${name} ${++opened}`;
      told.push(`open ${id}`);
      return {
        name,
        record: () => (name === "full" ? Promise.reject(new Error("no space is left")) : Promise.resolve()),
        sweep: async ({ judge }) => {
          told.push(`sweep ${id}`);
          judge({ url: "https://h/a", tags: ["\xc3\xa4"], purgeSequence: 0, variants: null });
        },
        fill: () => ({ objects: 1, bytes: 2, maxBytes: 3 }),
        close: () => void told.push(`close ${id}`),
      };
    },
  );
  PurgeLog.reserve(memory);
  return { control, memory, reader, lines, told };
}

test("a purge goes to every store, is counted, and the log says who asked for what", async () => {
  const { control, memory, reader, lines } = create();
  await control.prepare([memoryOf(1), memoryOf(1, "other")]);
  await control.commit();
  const report = await control.purge({ tag: "ä" }, "10.0.0.7");
  assert.deepEqual(report, { purged: 2, failures: [] });
  assert.equal(PurgeLog.open(memory).sequence, 1);
  assert.deepEqual(lines, ['stored answers purged {"by":"10.0.0.7","tag":"ä","purged":2}']);
  assert.equal(reader.total(families.cachePurges, (labels) => labels === 'kind="tag"')[0], 1);
  await control.close();
});

test("a request for nothing is refused, and nothing happens", async () => {
  const { control, lines } = create();
  await control.prepare([memoryOf(1)]);
  await control.commit();
  await assert.rejects(control.purge({} as PurgeRequest), RangeError);
  assert.deepEqual(lines, []);
  await control.close();
});

test("a store that cannot make a purge last is told of", async () => {
  const { control, lines } = create();
  await control.prepare([memoryOf(1, "full")]);
  await control.commit();
  const { failures } = await control.purge({ all: true, soft: true });
  assert.deepEqual(failures, [{ store: "full", reason: "no space is left" }]);
  assert.deepEqual(lines, [
    'stored answers made stale {"by":"program","all":true,"purged":1}',
    'a purge may come undone {"store":"full","error":"no space is left"}',
  ]);
  await control.close();
});

test("without caches there is nothing to purge, which is no mistake", async () => {
  const { control } = create();
  assert.deepEqual(await control.purge({ all: true }), { purged: 0, failures: [] });
  await control.prepare([]);
  await control.commit();
  assert.deepEqual(await control.purge({ all: true }), { purged: 0, failures: [] });
  assert.deepEqual(control.stores(), []);
});

test("a place lives through reloads as long as its options stay the same", async () => {
  const { control, told } = create(["broken"]);
  await control.prepare([memoryOf(1)]);
  await control.commit();
  await control.prepare([memoryOf(1), memoryOf(1, "own")]);
  await control.commit();
  assert.deepEqual(told, ["open memory 1", "open own 2"]);
  assert.deepEqual(control.stores(), [
    { name: "memory", kind: "memory", objects: 1, bytes: 2, maxBytes: 3 },
    { name: "own", kind: "memory", objects: 1, bytes: 2, maxBytes: 3 },
  ]);
  await assert.rejects(control.prepare([memoryOf(2), memoryOf(1, "broken")]), /broken is broken/);
  assert.deepEqual(told.slice(2), ["open memory 3", "close memory 3"]);
  await control.prepare([memoryOf(1, "own")]);
  await control.commit();
  assert.deepEqual(told.slice(4), ["close memory 1"]);
  await control.close();
  assert.deepEqual(told.slice(5), ["close own 2"]);
});
