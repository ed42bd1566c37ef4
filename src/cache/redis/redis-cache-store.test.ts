/** The store on a real server. What every store does is in the conformance suite; this is what Redis adds. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { redisCommand } from "../../../test/support/redis-server.ts";
import { createAnswer, createBytes, find, openStore, put, readBody, startServer } from "./testing/redis-store.ts";

const skip = redisCommand === null ? "redis-server is not installed: node scripts/install-packages.ts test" : false;

function testRedis(name: string, run: (context: TestContext) => Promise<void>): void {
  test(name, { skip }, run);
}

testRedis("what one instance stores, another finds, whole and with all that is said of it", async (context) => {
  const server = await startServer(context);
  const [one, two] = [await openStore(context, server), await openStore(context, server)];
  for (const length of [0, 1, 65_535, 65_536, 65_537, 196_608, 196_609, 1_000_000]) {
    const body = createBytes(length, length);
    const answer = createAnswer({ bodyBytes: length, tags: ["a", "b"], fields: 'etag: "x"\r\nx: \xe4\r\n' });
    await put(one.store, `key ${length}`, body, answer);
    const found = await find(two.store, `key ${length}`);
    assert.ok(found !== null);
    assert.deepEqual(found.answer, answer);
    assert.ok((await readBody(found))?.equals(body), `${length} bytes`);
    const slow = await find(two.store, `key ${length}`);
    assert.ok((await readBody(slow!, 0, Infinity, 1))?.equals(body), `${length} bytes, one by one`);
  }
  assert.deepEqual([one.failures, two.failures, one.torn(), two.torn()], [[], [], 0, 0]);
});

testRedis("any part of a body can be had", async (context) => {
  const { store } = await openStore(context, await startServer(context));
  const body = createBytes(500_000);
  await put(store, "key", body);
  for (const [start, end] of [
    [0, 1],
    [65_535, 65_537],
    [65_536, 196_608],
    [196_607, 196_609],
    [400_000, Infinity],
    [499_999, 500_000],
    [10, 490_000],
    [7, 7],
  ] as const) {
    const found = await find(store, "key");
    assert.ok((await readBody(found!, start, end))?.equals(body.subarray(start, end)), `${start}-${end}`);
  }
});
