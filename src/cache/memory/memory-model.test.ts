/**
 * The memory store against a Map that says what may be found: whatever is done in whatever order, in two threads'
 * windows, what is found is what was stored last, and everything adds up.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Draft, StoredBody } from "../cache-store.ts";
import { CollectingSink } from "../testing/collecting-sink.ts";
import { sampleAnswer } from "../testing/sample-answers.ts";
import { patternBytes } from "../testing/store-under-test.ts";
import { audit } from "./testing/audit.ts";
import { createMemoryUnderTest, type MemoryUnderTest } from "./testing/memory-under-test.ts";
import type { MemoryStore } from "./memory-store.ts";

const maxObjectBytes = 40_000;

interface Stored {
  readonly seed: number;
  readonly bytes: number;
  readonly fields: string;
}
interface Open {
  readonly draft: Draft;
  readonly key: string;
  readonly seed: number;
  bytes: number;
}
interface Held {
  readonly body: StoredBody;
  readonly key: string;
  readonly of: Stored;
}

const step = fc.record({
  action: fc.constantFrom(
    "store",
    "store",
    "create",
    "append",
    "commit",
    "abort",
    "find",
    "hold",
    "let-go",
    "refresh",
    "remove",
    "fill",
  ),
  window: fc.nat(1),
  key: fc.nat(2).map((number) => `key ${number}`),
  size: fc.oneof(fc.nat(3_000), fc.nat(maxObjectBytes)),
  pick: fc.nat(),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

class Model {
  readonly under: MemoryUnderTest = createMemoryUnderTest({ maxBytes: 131_072, maxObjectBytes });
  /** What is found under a key, if it was not evicted. */
  readonly stored = new Map<string, Stored>();
  readonly open: Open[] = [];
  readonly held: Held[] = [];
  seed = 0;

  run({ action, window, key, size, pick }: Step): void {
    const store = this.under.stores[window]!;
    switch (action) {
      case "store":
        this.create(store, key);
        this.append(this.open.at(-1), size);
        return this.open.length > 0 ? this.commit(this.open.length - 1) : undefined;
      case "create":
        return this.create(store, key);
      case "append":
        return this.append(this.open[pick % this.open.length], size);
      case "commit":
        return this.commit(pick % this.open.length);
      case "abort":
        return this.open.splice(pick % this.open.length, 1)[0]?.draft.abort();
      case "find":
        return this.check(store, key);
      case "hold":
        return this.hold(store, key);
      case "let-go":
        return this.letGo(pick % this.held.length);
      case "refresh":
        return this.refresh(store, key);
      case "remove":
        store.remove(key);
        return void this.stored.delete(key);
      case "fill":
        for (let at = 0; at < 20; at++) this.put(store, `filler ${pick % 50} ${at}`, size % 3_000);
    }
  }

  create(store: MemoryStore, key: string): void {
    const draft = store.create(key, sampleAnswer());
    if (draft !== null) this.open.push({ draft, key, seed: ++this.seed, bytes: 0 });
  }

  append(open: Open | undefined, size: number): void {
    if (open === undefined) return;
    // Each body is one pattern, however it is cut into chunks.
    const whole = patternBytes(open.bytes + size, open.seed);
    open.draft.append(whole.subarray(open.bytes));
    open.bytes += size;
  }

  commit(at: number): void {
    const [open] = this.open.splice(at, 1);
    if (open === undefined) return;
    let isGiven = true;
    open.draft.onFailure = () => (isGiven = false);
    open.draft.commit(sampleAnswer({ bodyBytes: open.bytes }));
    if (!isGiven) return;
    const stored = this.find(this.under.stores[0]!, open.key);
    // It may have failed on the way; then what was there before is there still.
    if (stored === null || stored.answer.bodyBytes !== open.bytes) return stored?.release();
    const body = this.read(stored);
    if (!body.equals(patternBytes(open.bytes, open.seed))) return;
    this.stored.set(open.key, { seed: open.seed, bytes: open.bytes, fields: stored.answer.fields });
  }

  put(store: MemoryStore, key: string, size: number): void {
    const draft = store.create(key, sampleAnswer({ bodyBytes: size }));
    draft?.append(patternBytes(size));
    draft?.commit(sampleAnswer({ bodyBytes: size }));
  }

  find(store: MemoryStore, key: string): StoredBody | null {
    let result: StoredBody | null = null;
    store.find(key, (found) => (result = found));
    return result;
  }

  read(body: StoredBody): Buffer {
    const sink = new CollectingSink().read(body);
    assert.equal(sink.outcome, "end");
    return sink.body;
  }

  check(store: MemoryStore, key: string): void {
    const found = this.find(store, key);
    if (found === null) return void this.stored.delete(key);
    const wanted = this.stored.get(key);
    assert.ok(wanted !== undefined, `${key} should not be there`);
    assert.equal(found.answer.fields, wanted.fields);
    assert.ok(this.read(found).equals(patternBytes(wanted.bytes, wanted.seed)));
  }

  hold(store: MemoryStore, key: string): void {
    const body = this.find(store, key);
    const of = this.stored.get(key);
    if (body !== null && of !== undefined) this.held.push({ body, key, of });
    else body?.release();
  }

  letGo(at: number): void {
    const [held] = this.held.splice(at, 1);
    if (held === undefined) return;
    assert.ok(this.read(held.body).equals(patternBytes(held.of.bytes, held.of.seed)), "what is held stays");
  }

  refresh(store: MemoryStore, key: string): void {
    const found = this.find(store, key);
    if (found === null) return;
    const fields = `x: ${"f".repeat(++this.seed % 2_000)}\r\n`;
    store.refresh(key, found, { ...found.answer, fields });
    found.release();
    const again = this.find(store, key);
    const wanted = this.stored.get(key);
    if (wanted === undefined || again === null) return again?.release();
    // There may have been no room for a longer head.
    if (again.answer.fields === fields) this.stored.set(key, { ...wanted, fields });
    again.release();
  }
}

test("whatever is done in whatever order, what is found is what was stored last, and everything adds up", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 100, size: "max" }), (steps) => {
      const model = new Model();
      for (const one of steps) model.run(one);
      audit(model.under.views);
      for (const { draft } of model.open) draft.abort();
      while (model.held.length > 0) model.letGo(0);
      for (const key of model.stored.keys()) model.check(model.under.stores[1]!, key);
      const { drafts, pinned } = audit(model.under.views);
      assert.deepEqual({ drafts, pinned }, { drafts: 0, pinned: 0 });
    }),
    { numRuns: 200 },
  );
});
