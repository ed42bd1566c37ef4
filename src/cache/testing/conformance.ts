/**
 * What every cache store must do, as tests. A store is opened as two windows, as two threads would have them; a store
 * that cannot have two in one test has one.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { SharedMemory } from "../../base/shared-memory.ts";
import { SteadyClock } from "../../base/steady-clock.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import { maxKeyBytes } from "../cache-store.ts";
import { PurgeLog } from "../purge/purge-log.ts";
import { CollectingSink } from "./collecting-sink.ts";
import { checkDrafts } from "./draft-conformance.ts";
import { sampleAnswer } from "./sample-answers.ts";
import {
  type CheckStore,
  find,
  patternBytes,
  StoreTools,
  type StoreTestParts,
  type StoreUnderTest,
  testObjectBytes,
} from "./store-under-test.ts";

/** Runs the suite. @param name says which store it is @param open makes an empty one */
export function testCacheStore(
  name: string,
  open: (parts: StoreTestParts) => Promise<StoreUnderTest> | StoreUnderTest,
): void {
  const check: CheckStore = (title, run) =>
    void test(title, async () => {
      const memory = new SharedMemory();
      PurgeLog.reserve(memory);
      const purges = PurgeLog.open(memory);
      const clock = SteadyClock.from(systemClock);
      const under = await open({ purges, clock, maxObjectBytes: testObjectBytes });
      try {
        await run(new StoreTools(under, purges));
      } finally {
        await under.close();
      }
    });
  void suite(`${name} as a cache store`, () => {
    checkStored(check);
    checkDrafts(check);
  });
}

/** What is found, read, refreshed and removed. */
function checkStored(check: CheckStore): void {
  check("a key that was never stored is a miss", async ({ store }) => {
    assert.equal(await find(store, "nothing"), null);
  });

  check("what was committed is found by all, with its answer and its body, and not before", async (tools) => {
    const answer = sampleAnswer({ tags: ["a", "b"], url: "https://example.com/a?b", isShared: true });
    const draft = tools.create("key", answer);
    draft.append(Buffer.from("hello, "));
    assert.equal(await find(tools.store, "key"), null);
    draft.append(Buffer.from("world"));
    assert.equal(await find(tools.store, "key"), null);
    await tools.commit(draft, { ...answer, bodyBytes: 12 });
    for (const store of tools.windows) {
      const found = await tools.found(store, "key");
      assert.deepEqual(found.answer, { ...answer, bodyBytes: 12 });
      assert.equal(found.isGrowing, false);
      assert.equal((await tools.read(found)).toString(), "hello, world");
    }
  });

  check("bodies of any size are stored, the largest allowed included", async (tools) => {
    const sizes = [0, 1, 511, 512, 513, 1_024, 65_535, 65_536, 65_537, 200_000, testObjectBytes];
    for (const [at, size] of sizes.entries()) await tools.put(`size ${size}`, patternBytes(size, at));
    for (const [at, size] of sizes.entries()) {
      const found = await tools.found(tools.last, `size ${size}`);
      assert.equal(found.answer.bodyBytes, size);
      assert.ok((await tools.read(found)).equals(patternBytes(size, at)), `a body of ${size} bytes`);
    }
  });

  check("a large body comes in pieces", async (tools) => {
    await tools.put("large", patternBytes(testObjectBytes));
    const sink = new CollectingSink().read(await tools.found(tools.store, "large"));
    await sink.all();
    assert.ok(Math.max(...sink.chunks.map((chunk) => chunk.length)) <= 131_072);
  });

  check("any part of a body is given", async (tools) => {
    const body = patternBytes(150_000);
    await tools.put("key", body);
    for (const [start, end] of [
      [0, 1],
      [0, 512],
      [511, 513],
      [512, 1_024],
      [100, 70_000],
      [149_999, 150_000],
      [70_000, Infinity],
      [150_000, Infinity],
      [0, 0],
      [200_000, 300_000],
    ] as const) {
      const sink = new CollectingSink().read(await tools.found(tools.last, "key"), start, end);
      assert.ok((await sink.all()).equals(body.subarray(start, Math.min(end, body.length))), `${start} to ${end}`);
      assert.equal(sink.outcome, "end");
    }
  });

  check("a slow sink gets the next piece when it asks for it", async (tools) => {
    const body = patternBytes(testObjectBytes);
    await tools.put("key", body);
    const sink = new CollectingSink(1).read(await tools.found(tools.store, "key"));
    await sink.has(1);
    assert.ok(sink.body.length < body.length);
    assert.ok((await sink.all()).equals(body));
    assert.equal(sink.outcome, "end");
  });

  check("a sink that stops gets nothing more; what is released is not read", async (tools) => {
    await tools.put("key", patternBytes(testObjectBytes));
    const sink = new CollectingSink(1).read(await tools.found(tools.store, "key"));
    await sink.has(1);
    sink.stop();
    sink.stop();
    const released = await tools.found(tools.store, "key");
    released.release();
    released.release();
    const opened = await tools.found(tools.store, "key");
    assert.ok((await tools.read(opened)).length === testObjectBytes);
    opened.release();
  });

  check("a sink may stop while it is given a piece", async (tools) => {
    await tools.put("key", patternBytes(testObjectBytes));
    const draft = tools.create("grows", sampleAnswer());
    for (const body of [await tools.found(tools.store, "key"), draft.read()]) {
      class Stopping extends CollectingSink {
        override data(chunk: Buffer): void {
          super.data(chunk);
          // The source is known once `open` has returned.
          if (this.source !== null) this.stop();
        }
      }
      const sink = new Stopping(1).read(body);
      draft.append(patternBytes(100_000));
      sink.resume();
      draft.append(patternBytes(1_000));
    }
    draft.abort();
    await tools.settle();
  });

  check("what is being read stays whole when it is replaced or removed", async (tools) => {
    const before = patternBytes(testObjectBytes, 1);
    const after = patternBytes(testObjectBytes, 2);
    await tools.put("key", before);
    const slow = new CollectingSink(1).read(await tools.found(tools.store, "key"));
    const unread = await tools.found(tools.last, "key");
    await slow.has(1);
    await tools.put("key", after);
    assert.ok((await tools.read(await tools.found(tools.store, "key"))).equals(after));
    tools.store.remove("key");
    await tools.settle();
    assert.equal(await find(tools.store, "key"), null);
    for (let at = 0; at < 5; at++) await tools.put(`other ${at}`, patternBytes(testObjectBytes, at + 10));
    assert.ok((await slow.all()).equals(before));
    assert.ok((await tools.read(unread)).equals(before));
  });

  check("keys are compared whole, whatever is in them", async (tools) => {
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));
    const long = "k".repeat(maxKeyBytes - 1);
    const keys = ["a", "b", "ab", "a ", all, `${all}.`, `${long}1`, `${long}2`];
    for (const key of keys) await tools.put(key, Buffer.from(`body of ${key}`, "latin1"));
    for (const key of keys) {
      const body = await tools.read(await tools.found(tools.last, key));
      assert.equal(body.toString("latin1"), `body of ${key}`);
    }
    assert.equal(await find(tools.store, `${long}3`), null);
  });

  check("what is said of an answer comes back as it was", async (tools) => {
    const answers: StoredAnswer[] = [
      sampleAnswer({ status: 404, reasonPhrase: "", fields: "", mustRevalidate: true, alwaysValidates: true }),
      sampleAnswer({
        fields: `x: ${"y".repeat(20_000)}\r\n`,
        tags: Array.from({ length: 50 }, (_, at) => `tag ${at}`),
      }),
      sampleAnswer({
        status: 0,
        variants: [
          { names: ["accept-encoding"], keys: ["k1", "k2"] },
          { names: [], keys: [] },
        ],
      }),
      sampleAnswer({ freshUntilMs: 0, staleIfErrorUntilMs: 4e12, purgeSequence: 0, reasonPhrase: "\xe4\xff" }),
    ];
    for (const [at, answer] of answers.entries()) {
      await tools.put(`key ${at}`, Buffer.alloc(0), answer);
      assert.deepEqual((await tools.found(tools.last, `key ${at}`)).answer, { ...answer, bodyBytes: 0 });
    }
  });

  check("the head is replaced, the body stays", async (tools) => {
    await tools.put("key", Buffer.from("body"));
    const found = await tools.found(tools.store, "key");
    const fields = `etag: "two"\r\nx: ${"z".repeat(3_000)}\r\n`;
    const fresher = { ...found.answer, freshUntilMs: found.answer.freshUntilMs + 5_000, fields };
    tools.store.refresh("key", found, fresher);
    await tools.settle();
    assert.equal((await tools.read(found)).toString(), "body");
    for (const store of tools.windows) {
      const again = await tools.found(store, "key");
      assert.deepEqual(again.answer, fresher);
      assert.equal((await tools.read(again)).toString(), "body");
    }
    // It may have been read before.
    tools.store.refresh("key", found, { ...fresher, fields: "" });
    await tools.settle();
    assert.equal((await tools.found(tools.store, "key")).answer.fields, "");
  });

  check("a head is not replaced if something else is stored by now, or nothing", async (tools) => {
    await tools.put("key", Buffer.from("one"));
    const found = await tools.found(tools.store, "key");
    await tools.put("key", Buffer.from("two"));
    tools.store.refresh("key", found, { ...found.answer, fields: "wrong: yes\r\n" });
    await tools.settle();
    const other = await tools.found(tools.store, "key");
    assert.equal(other.answer.fields, sampleAnswer().fields);
    tools.store.remove("key");
    await tools.settle();
    tools.store.refresh("key", other, other.answer);
    await tools.settle();
    assert.equal(await find(tools.store, "key"), null);
    other.release();
    found.release();
  });

  check("after close there are only misses, and nobody is called", async (tools) => {
    await tools.put("key", patternBytes(testObjectBytes));
    const slow = new CollectingSink(1).read(await tools.found(tools.store, "key"));
    await slow.has(1);
    const unread = await tools.found(tools.store, "key");
    const draft = tools.create("draft", sampleAnswer());
    draft.append(Buffer.from("some"));
    tools.store.close();
    tools.store.close();
    assert.equal(tools.store.create("other", sampleAnswer()), null);
    // A request that is late, of a configuration from before, must not wait for ever.
    assert.equal(await find(tools.store, "key"), null);
    draft.append(Buffer.from("more"));
    draft.commit(sampleAnswer({ bodyBytes: 8 }));
    tools.store.remove("key");
    unread.release();
    assert.equal(slow.outcome, "abort");
    if (tools.other !== null) assert.equal(await find(tools.other, "draft"), null);
  });
}
