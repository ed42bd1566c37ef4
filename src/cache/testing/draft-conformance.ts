/** What every cache store must do with answers that are being written: the part of the suite about drafts. */
import assert from "node:assert/strict";
import { CollectingSink } from "./collecting-sink.ts";
import { sampleAnswer } from "./sample-answers.ts";
import { appendAll, type CheckStore, find, patternBytes, testObjectBytes } from "./store-under-test.ts";

/** @param check runs a test with a store of its own */
export function checkDrafts(check: CheckStore): void {
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

  check("the writer of what cannot be stored is told when nobody reads it any more, and not before", async (tools) => {
    const { maxObjectBytes } = tools.store;
    const draft = tools.create("key", sampleAnswer());
    const failed = Promise.withResolvers<void>();
    const deserted = Promise.withResolvers<void>();
    let isDeserted = false;
    draft.onFailure = () => failed.resolve();
    draft.onDeserted = () => {
      isDeserted = true;
      deserted.resolve();
    };
    const [first, second] = [new CollectingSink(), new CollectingSink()];
    const sources = [draft.read().open(0, Infinity, first), draft.read().open(0, Infinity, second)];
    await appendAll(draft, patternBytes(maxObjectBytes + 1), 30_000);
    await failed.promise;
    await first.has(maxObjectBytes + 1);
    sources[0]!.stop("CLIENT_GONE");
    assert.equal(isDeserted, false);
    sources[1]!.stop("CLIENT_GONE");
    await deserted.promise;
    draft.abort();
    const unread = tools.create("key", sampleAnswer());
    const gone = Promise.withResolvers<void>();
    unread.onDeserted = () => gone.resolve();
    await appendAll(unread, patternBytes(maxObjectBytes + 1), 30_000);
    await gone.promise;
    unread.abort();
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
}
