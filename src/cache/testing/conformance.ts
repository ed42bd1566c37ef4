/**
 * What every cache store must do, as tests. A store is opened as two windows, as two threads would have them; a store
 * that cannot have two in one test has one.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { suite, test } from "node:test";
import { SharedMemory } from "../../base/shared-memory.ts";
import { systemClock } from "../../base/clock.ts";
import { SteadyClock } from "../../base/steady-clock.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import { type CacheStore, type Draft, maxKeyBytes, type StoredBody } from "../cache-store.ts";
import { PurgeLog } from "../purge/purge-log.ts";
import { CollectingSink } from "./collecting-sink.ts";
import { sampleAnswer } from "./sample-answers.ts";

/** What a store under test is given. */
export interface StoreTestParts {
  readonly purges: PurgeLog;
  readonly clock: SteadyClock;
  /** Bodies up to this size must be stored, and no larger ones. */
  readonly maxObjectBytes: number;
}

/** A store under test: empty at first. */
export interface StoreUnderTest {
  readonly store: CacheStore;
  /** Another thread's window on the same store; null if there can be none here. */
  readonly other: CacheStore | null;
  /** Waits until what was committed, refreshed or removed is seen; absent: it is at once. */
  settle?(): Promise<void>;
  /** Closes both, if they are not, and takes away what is left. */
  close(): Promise<void> | void;
}

export const testObjectBytes = 300_000;

/** Bytes that differ everywhere, so that a piece in the wrong place is noticed. */
export function patternBytes(length: number, seed = 1): Buffer {
  const block = createHash("sha512").update(String(seed)).digest();
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 64) {
    block.copy(bytes, at);
    if (at + 4 <= length) bytes.writeUInt32LE((at ^ seed) >>> 0, at);
  }
  return bytes;
}

/** Looks a key up. */
export function find(store: CacheStore, key: string): Promise<StoredBody | null> {
  return new Promise((resolve) => {
    let calls = 0;
    store.find(key, (found) => {
      assert.equal(++calls, 1, "find called back twice");
      resolve(found);
    });
  });
}

/** Runs the suite. @param name says which store it is @param open makes an empty one */
export function testCacheStore(
  name: string,
  open: (parts: StoreTestParts) => Promise<StoreUnderTest> | StoreUnderTest,
): void {
  const check = (title: string, run: (tools: Tools) => Promise<void>): void =>
    void test(title, async () => {
      const memory = new SharedMemory();
      PurgeLog.reserve(memory);
      const purges = PurgeLog.open(memory);
      const clock = SteadyClock.from(systemClock);
      const under = await open({ purges, clock, maxObjectBytes: testObjectBytes });
      try {
        await run(new Tools(under, purges));
      } finally {
        await under.close();
      }
    });

  void suite(`${name} as a cache store`, () => {
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

    check("a body that is known to be too large is refused, one that becomes too large fails", async (tools) => {
      assert.equal(tools.store.create("known", sampleAnswer({ bodyBytes: testObjectBytes + 1 })), null);
      const draft = tools.create("grows", sampleAnswer());
      const failed = Promise.withResolvers<void>();
      draft.onFailure = () => failed.resolve();
      const sink = new CollectingSink();
      sink.read(draft.read());
      const whole = patternBytes(testObjectBytes + 10_000);
      await appendAll(draft, whole, 50_000);
      await failed.promise;
      draft.commit(sampleAnswer({ bodyBytes: whole.length }));
      await tools.settle();
      const read = await sink.all();
      if (sink.outcome === "end") assert.ok(read.equals(whole));
      else assert.ok(read.equals(whole.subarray(0, read.length)));
      assert.equal(await find(tools.store, "grows"), null);
    });

    check("an answer that broke off is never found", async (tools) => {
      const draft = tools.create("key", sampleAnswer());
      draft.append(patternBytes(1_000));
      const sink = new CollectingSink().read(draft.read());
      draft.abort();
      draft.abort();
      await sink.all();
      assert.equal(sink.outcome, "abort");
      draft.append(patternBytes(10));
      draft.commit(sampleAnswer({ bodyBytes: 1_000 }));
      await tools.settle();
      assert.equal(await find(tools.store, "key"), null);
    });

    check("an answer whose length is not what it says is never found", async (tools) => {
      const draft = tools.create("key", sampleAnswer({ bodyBytes: 1_000 }));
      draft.append(patternBytes(999));
      const sink = new CollectingSink().read(draft.read());
      await tools.commit(draft, sampleAnswer({ bodyBytes: 1_000 }));
      await sink.all();
      assert.equal(sink.outcome, "abort");
      assert.equal(await find(tools.store, "key"), null);
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

    check("of two drafts of a key the one that is committed last is found", async (tools) => {
      const one = tools.create("key", sampleAnswer());
      const two = tools.create("key", sampleAnswer());
      one.append(Buffer.from("one"));
      two.append(Buffer.from("two"));
      await tools.commit(two, sampleAnswer({ bodyBytes: 3 }));
      assert.equal((await tools.read(await tools.found(tools.store, "key"))).toString(), "two");
      await tools.commit(one, sampleAnswer({ bodyBytes: 3 }));
      assert.equal((await tools.read(await tools.found(tools.last, "key"))).toString(), "one");
    });

    check("a chunk is copied: its memory is the caller's again", async (tools) => {
      const draft = tools.create("key", sampleAnswer());
      const chunk = Buffer.alloc(10_000, "a");
      draft.append(chunk);
      chunk.fill("b");
      draft.append(chunk);
      chunk.fill("c");
      await tools.commit(draft, sampleAnswer({ bodyBytes: 20_000 }));
      const body = await tools.read(await tools.found(tools.store, "key"));
      assert.equal(body.toString(), "a".repeat(10_000) + "b".repeat(10_000));
    });

    check("a draft is read while it grows, here and in other threads", async (tools) => {
      const body = patternBytes(200_000);
      const draft = tools.create("key", sampleAnswer());
      const sinks = [new CollectingSink().read(draft.read())];
      for (const store of tools.windows) {
        const grown = store.findDraft(draft.id);
        assert.ok(grown !== null);
        assert.equal(grown.isGrowing, true);
        sinks.push(new CollectingSink().read(grown), new CollectingSink(1).read(store.findDraft(draft.id)!));
      }
      draft.append(body.subarray(0, 10));
      for (const sink of sinks) assert.ok((await sink.has(10)).equals(body.subarray(0, 10)));
      await appendAll(draft, body.subarray(10), 30_000);
      const late = draft.read();
      await tools.commit(draft, sampleAnswer({ bodyBytes: body.length }));
      sinks.push(new CollectingSink().read(late));
      for (const sink of sinks) {
        assert.ok((await sink.all()).equals(body));
        assert.equal(sink.outcome, "end");
      }
    });

    check("a part of a draft is given while it grows", async (tools) => {
      const draft = tools.create("key", sampleAnswer());
      const sink = new CollectingSink().read(draft.read(), 5, 10);
      draft.append(Buffer.from("0123"));
      draft.append(Buffer.from("456789abc"));
      assert.equal((await sink.all()).toString(), "56789");
      assert.equal(sink.outcome, "end");
      draft.abort();
    });

    check("a reader of a draft that breaks off breaks off, whatever it has", async (tools) => {
      const draft = tools.create("key", sampleAnswer());
      const sinks = tools.windows.flatMap((store) => [
        new CollectingSink().read(store.findDraft(draft.id)!),
        new CollectingSink(1).read(store.findDraft(draft.id)!),
      ]);
      const unopened = draft.read();
      draft.append(patternBytes(70_000));
      draft.abort();
      sinks.push(new CollectingSink().read(unopened), new CollectingSink().read(draft.read()));
      for (const sink of sinks) {
        await sink.all();
        assert.equal(sink.outcome, "abort");
      }
    });

    check("a draft that is not there is nothing", async (tools) => {
      for (const store of tools.windows)
        for (const id of [0, 1, 12_345, 2 ** 40]) assert.equal(store.findDraft(id), null);
      const draft = tools.create("key", sampleAnswer());
      draft.abort();
      await tools.settle();
      for (const store of tools.windows) assert.equal(store.findDraft(draft.id), null);
    });

    check("what was purged since it was asked for is not stored; who reads it gets all of it", async (tools) => {
      for (const kind of ["url", "all"] as const) {
        const answer = sampleAnswer({ purgeSequence: tools.purges.sequence, url: "https://example.com/x" });
        const draft = tools.create("key", answer);
        draft.append(Buffer.from("old"));
        const sink = new CollectingSink().read(draft.read());
        tools.purges.append({ kind, value: kind === "url" ? answer.url : "", isSoft: false });
        await tools.commit(draft, { ...answer, bodyBytes: 3 });
        assert.equal((await sink.all()).toString(), "old");
        assert.equal(sink.outcome, "end");
        assert.equal(await find(tools.store, "key"), null);
      }
      const after = sampleAnswer({ purgeSequence: tools.purges.sequence });
      await tools.put("key", Buffer.from("new"), after);
      assert.equal((await tools.read(await tools.found(tools.store, "key"))).toString(), "new");
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
      draft.append(Buffer.from("more"));
      draft.commit(sampleAnswer({ bodyBytes: 8 }));
      tools.store.remove("key");
      unread.release();
      assert.equal(slow.outcome, "abort");
      if (tools.other !== null) assert.equal(await find(tools.other, "draft"), null);
    });
  });
}

/** Appends `bytes` in chunks, at the pace of the draft. */
export async function appendAll(draft: Draft, bytes: Buffer, chunkBytes: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const writable = Promise.withResolvers<void>();
    draft.onWritable = () => writable.resolve();
    if (!draft.append(bytes.subarray(at, at + chunkBytes))) await writable.promise;
  }
}

/** What a test of the suite works with. */
class Tools {
  readonly store: CacheStore;
  readonly other: CacheStore | null;
  readonly windows: readonly CacheStore[];
  readonly purges: PurgeLog;
  readonly #under: StoreUnderTest;

  constructor(under: StoreUnderTest, purges: PurgeLog) {
    this.#under = under;
    this.store = under.store;
    this.other = under.other;
    this.windows = under.other === null ? [under.store] : [under.store, under.other];
    this.purges = purges;
  }

  /** The other window if there is one. */
  get last(): CacheStore {
    return this.other ?? this.store;
  }

  async settle(): Promise<void> {
    await this.#under.settle?.();
  }

  create(key: string, answer: StoredAnswer): Draft {
    const draft = this.store.create(key, answer);
    assert.ok(draft !== null, "there should be room");
    return draft;
  }

  async commit(draft: Draft, answer: StoredAnswer): Promise<void> {
    draft.commit(answer);
    await this.settle();
  }

  /** Stores a body, in chunks. */
  async put(key: string, body: Buffer, answer = sampleAnswer({ bodyBytes: body.length })): Promise<void> {
    const draft = this.create(key, answer);
    await appendAll(draft, body, 40_000);
    await this.commit(draft, { ...answer, bodyBytes: body.length });
  }

  async found(store: CacheStore, key: string): Promise<StoredBody> {
    const found = await find(store, key);
    assert.ok(found !== null, `${JSON.stringify(key.slice(0, 40))} should be there`);
    return found;
  }

  async read(body: StoredBody): Promise<Buffer> {
    const sink = new CollectingSink().read(body);
    const bytes = await sink.all();
    assert.equal(sink.outcome, "end");
    return bytes;
  }
}
