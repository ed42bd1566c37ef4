/** What the conformance suite of cache stores works with. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { SteadyClock } from "../../base/steady-clock.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import type { CacheStore, Draft, StoredBody } from "../cache-store.ts";
import type { PurgeLog } from "../purge/purge-log.ts";
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

/** The largest body of stores under test. */
export const testObjectBytes = 300_000;

/** Bytes that differ everywhere, so that a piece in the wrong place is noticed; a shorter one is a longer one's beginning. */
export function patternBytes(length: number, seed = 1): Buffer {
  const block = createHash("sha512").update(String(seed)).digest();
  const bytes = Buffer.alloc(Math.ceil(length / 64) * 64);
  for (let at = 0; at < length; at += 64) {
    block.copy(bytes, at);
    bytes.writeUInt32LE((at ^ seed) >>> 0, at);
  }
  return bytes.subarray(0, length);
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

/** Appends `bytes` in chunks, at the pace of the draft. */
export async function appendAll(draft: Draft, bytes: Buffer, chunkBytes: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const writable = Promise.withResolvers<void>();
    draft.onWritable = () => writable.resolve();
    if (!draft.append(bytes.subarray(at, at + chunkBytes))) await writable.promise;
  }
}

/** What a test of the suite works with. */
export class StoreTools {
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

/** Runs a test with an empty store of its own. */
export type CheckStore = (title: string, run: (tools: StoreTools) => Promise<void>) => void;
