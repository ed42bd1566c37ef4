/** What the memory store keeps and lets go: its bound, what is evicted, what is expired, what is being read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../base/random.ts";
import { SharedMemory } from "../../base/shared-memory.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import type { StoredBody } from "../cache-store.ts";
import { CollectingSink } from "../testing/collecting-sink.ts";
import { sampleAnswer } from "../testing/sample-answers.ts";
import { appendAll, patternBytes } from "../testing/store-under-test.ts";
import { layOutMemory } from "./memory-layout.ts";
import { openMemoryRegion } from "./memory-control.ts";
import type { MemoryStore } from "./memory-store.ts";
import { audit } from "./testing/audit.ts";
import { createMemoryUnderTest } from "./testing/memory-under-test.ts";

function put(store: MemoryStore, key: string, bytes: number, parts: Partial<StoredAnswer> = {}): boolean {
  const answer = sampleAnswer({ bodyBytes: bytes, ...parts });
  const draft = store.create(key, answer);
  if (draft === null) return false;
  let isStored = true;
  draft.onFailure = () => (isStored = false);
  draft.append(patternBytes(bytes));
  draft.commit(answer);
  return isStored;
}

function find(store: MemoryStore, key: string): StoredBody | null {
  let result: StoredBody | null = null;
  store.find(key, (found) => (result = found));
  return result;
}

function has(store: MemoryStore, key: string): boolean {
  const found = find(store, key);
  found?.release();
  return found !== null;
}

test("all of it lies within the bound, of whatever size", () => {
  for (const maxBytes of [65_536, 100_001, 1_048_576, 268_435_456, 8_589_934_592, 68_719_476_736])
    for (const stripes of [1, 2, 64]) {
      const { byteLength, blocks } = layOutMemory(maxBytes, stripes);
      assert.ok(byteLength <= maxBytes, `${byteLength} of ${maxBytes}`);
      assert.ok(blocks * 512 > maxBytes * 0.65, `${blocks} blocks in ${maxBytes}`);
    }
});

test("memory is taken as the store fills, not when it is made", () => {
  const before = process.memoryUsage.rss();
  const views = openMemoryRegion(new SharedMemory(), { name: "memory", maxBytes: 1_073_741_824 }, 2);
  assert.equal(views.data[views.data.length - 1], 0);
  assert.ok(process.memoryUsage.rss() - before < 50_000_000);
});

test("a full store takes everything new and stays within its blocks", () => {
  const { stores, views } = createMemoryUnderTest({ maxBytes: 262_144 });
  for (let at = 0; at < 2_000; at++) assert.ok(put(stores[at % 2]!, `key ${at}`, (at * 37) % 5_000));
  const { live, freeBlocks } = audit(views);
  assert.ok(live > 40);
  assert.ok(freeBlocks >= 0 && freeBlocks < 30);
  assert.ok(has(stores[0]!, "key 1999"));
});

test("a body of the largest size is taken by a full store, too", () => {
  const { stores } = createMemoryUnderTest({ maxBytes: 1_048_576, maxObjectBytes: 500_000 });
  for (let at = 0; at < 300; at++) put(stores[0]!, `key ${at}`, 5_000);
  for (const maxObjectBytes of [stores[0]!.maxObjectBytes]) {
    assert.ok(put(stores[0]!, "large", maxObjectBytes));
    assert.equal(new CollectingSink().read(find(stores[1]!, "large")!).body.length, maxObjectBytes);
  }
});

test("what is asked for survives a scan of many that are asked for once", () => {
  const { stores } = createMemoryUnderTest({ maxBytes: 1_048_576 });
  for (let at = 0; at < 200; at++) put(stores[0]!, `hot ${at}`, 1_000);
  for (let round = 0; round < 2; round++) for (let at = 0; at < 200; at++) assert.ok(has(stores[1]!, `hot ${at}`));
  for (let at = 0; at < 5_000; at++) put(stores[0]!, `scan ${at}`, 1_000);
  let left = 0;
  for (let at = 0; at < 200; at++) if (has(stores[0]!, `hot ${at}`)) left++;
  assert.ok(left > 190, `${left} of 200 are left`);
});

test("on a trace by Zipf's law more requests are hits than with a list of the last used of the same size", () => {
  const maxBytes = 200_000;
  const bodyBytes = 900;
  const { stores, views } = createMemoryUnderTest({ maxBytes });
  const random = seededRandom(3);
  const last = new Map<number, true>();
  const room = Math.floor(maxBytes / (bodyBytes + 200));
  let [hits, listHits] = [0, 0];
  for (let at = 0; at < 20_000; at++) {
    // Rank by the inverse of the sum of 1/rank, and every fourth is asked for once.
    const object = at % 4 === 0 ? 1e6 + at : Math.floor(20_000 ** random());
    if (has(stores[0]!, `key ${object}`)) hits++;
    else put(stores[0]!, `key ${object}`, bodyBytes);
    if (last.delete(object)) listHits++;
    last.set(object, true);
    if (last.size > room) last.delete(last.keys().next().value!);
  }
  assert.ok(hits > listHits * 1.05, `${hits} hits, the list has ${listHits}`);
  audit(views);
});

test("what may not be used any more goes before what may, however often it was asked for", () => {
  const { stores, clock, control } = createMemoryUnderTest({ maxBytes: 180_000 });
  const bornMs = clock.wall();
  for (let at = 0; at < 20; at++) {
    put(stores[0]!, `short ${at}`, 2_000, { bornMs, freshUntilMs: bornMs + 1_000 });
    for (let hit = 0; hit < 5; hit++) assert.ok(has(stores[0]!, `short ${at}`));
  }
  for (let at = 0; at < 20; at++) put(stores[0]!, `long ${at}`, 2_000, { bornMs });
  clock.advance(10_000);
  for (let at = 0; at < 30; at++) put(stores[0]!, `new ${at}`, 2_000, { bornMs });
  for (let at = 0; at < 20; at++) assert.ok(has(stores[0]!, `long ${at}`), `long ${at}`);
  assert.ok(control.use.expired > 0);
  assert.equal(control.use.evictions, 0);
});

test("what is being read stays and stays charged; if all is, nothing new is stored until somebody is done", () => {
  const { stores, views, control } = createMemoryUnderTest({ maxBytes: 131_072 });
  const held: StoredBody[] = [];
  for (let at = 0; at < 1_000 && put(stores[0]!, `key ${at}`, 3_000); at++) {
    const found = find(stores[1]!, `key ${at}`);
    if (found !== null) held.push(found);
  }
  assert.ok(held.length > 20 && held.length < 50);
  assert.equal(put(stores[0]!, "one more", 30_000), false);
  for (const body of held) assert.ok(new CollectingSink().read(body).body.equals(patternBytes(3_000)));
  assert.ok(put(stores[0]!, "one more", 30_000));
  assert.equal(audit(views).pinned, 0);
  assert.equal(control.use.objects, audit(views).live);
});

test("two windows of one thread share its pins: one that closes lets nothing go that the other reads", () => {
  const { stores, open, views } = createMemoryUnderTest({ maxBytes: 131_072 });
  put(stores[0]!, "key", 5_000);
  const second = open(0);
  const [one, two] = [find(stores[0]!, "key")!, find(second, "key")!];
  one.release();
  stores[1]!.remove("key");
  second.close();
  for (let at = 0; at < 100; at++) put(stores[1]!, `other ${at}`, 5_000);
  assert.equal(audit(views).pinned, 1);
  const sink = new CollectingSink().read(two);
  assert.equal(sink.outcome, "abort");
  assert.equal(audit(views).pinned, 0);
});

test("what becomes too large is given whole to those who read it in this thread, at the pace of the slowest", async () => {
  const { stores, views } = createMemoryUnderTest({ maxBytes: 2_097_152, maxObjectBytes: 100_000 });
  const body = patternBytes(3_000_000);
  const draft = stores[0]!.create("key", sampleAnswer())!;
  const [fast, slow] = [new CollectingSink().read(draft.read()), new CollectingSink(1).read(draft.read())];
  const elsewhere = new CollectingSink().read(stores[1]!.findDraft(draft.id)!);
  let hasFailed = false;
  draft.onFailure = () => (hasFailed = true);
  const written = (async () => {
    await appendAll(draft, body, 50_000);
    draft.commit(sampleAnswer({ bodyBytes: body.length }));
  })();
  await fast.has(100_000);
  assert.ok(hasFailed);
  assert.ok(fast.body.length < 1_000_000, "the fast one waits for the slow one");
  assert.ok((await slow.all()).equals(body));
  await written;
  assert.ok((await fast.all()).equals(body));
  await elsewhere.all();
  assert.equal(elsewhere.outcome, "abort");
  assert.equal(has(stores[0]!, "key"), false);
  assert.deepEqual(audit(views), { live: 0, drafts: 0, pinned: 0, freeBlocks: audit(views).freeBlocks });
});

test("a thread that dies lets go of what it read and of what it wrote; who read that breaks off", async () => {
  const { stores, views, control, bells } = createMemoryUnderTest();
  put(stores[0]!, "key", 200_000);
  find(stores[1]!, "key");
  const draft = stores[1]!.create("draft", sampleAnswer())!;
  draft.append(patternBytes(1_000));
  const sink = new CollectingSink().read(stores[0]!.findDraft(draft.id)!);
  await sink.has(1_000);
  control.clearStripe(1, (mask) => bells.ring(mask));
  await sink.all();
  assert.equal(sink.outcome, "abort");
  const { pinned, drafts, live } = audit(views);
  assert.deepEqual({ pinned, drafts, live }, { pinned: 0, drafts: 0, live: 1 });
});

test("a sweep frees what was purged, makes stale what was purged softly, and counts as no use", async () => {
  const { stores, control, clock } = createMemoryUnderTest();
  for (let at = 0; at < 200; at++)
    put(stores[0]!, `key ${at}`, 100, { bornMs: clock.wall(), url: `https://example.com/${at}` });
  let judged = 0;
  await control.sweep({
    upTo: 1,
    judge: ({ url }) => {
      judged++;
      const number = Number(url.split("/").at(-1));
      if (number < 50) return "gone";
      return number < 100 ? "soft" : "valid";
    },
  });
  assert.equal(judged, 200);
  for (let at = 0; at < 200; at++) {
    const found = find(stores[1]!, `key ${at}`);
    assert.equal(found === null, at < 50);
    if (found === null) continue;
    assert.equal(found.answer.freshUntilMs <= clock.wall(), at < 100);
    assert.equal(new CollectingSink().read(found).body.length, 100);
  }
});
