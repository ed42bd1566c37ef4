/**
 * A thread that dies while it changes the store, at every step of every change: afterwards everything adds up, what it
 * was changing is there whole or not at all, and what it did not touch is there.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SteadyClock } from "../../base/steady-clock.ts";
import { CollectingSink } from "../testing/collecting-sink.ts";
import { sampleAnswer } from "../testing/sample-answers.ts";
import { patternBytes } from "../testing/store-under-test.ts";
import type { StoredBody } from "../cache-store.ts";
import { entryWord } from "./entry-table.ts";
import { headOf } from "./memory-draft.ts";
import { header } from "./memory-layout.ts";
import type { MemoryStore } from "./memory-store.ts";
import { StoredEntries } from "./stored-entries.ts";
import { audit } from "./testing/audit.ts";
import { createMemoryUnderTest } from "./testing/memory-under-test.ts";

class Cut extends Error {}

/** The store of a thread that dies at its step number `steps`. */
function cutAt(stored: StoredEntries, steps: number): void {
  let left = steps;
  const wrap = (owner: object, name: string): void => {
    const call = Reflect.get(owner, name) as (...args: unknown[]) => unknown;
    Reflect.set(owner, name, (...args: unknown[]) => {
      if (left-- <= 0) throw new Cut();
      const result = call.apply(owner, args);
      if (left-- <= 0) throw new Cut();
      return result;
    });
  };
  wrap(stored, "set");
  for (const name of ["take", "give", "write", "link"]) wrap(stored.blocks, name);
  for (const name of ["take", "give"]) wrap(stored.entries, name);
  for (const queue of [stored.small, stored.main]) for (const name of ["add", "remove", "charge"]) wrap(queue, name);
  for (const name of ["put", "replace", "drop"]) wrap(stored.index, name);
}

function put(store: MemoryStore, key: string, bytes: number, seed: number): void {
  const draft = store.create(key, sampleAnswer({ bodyBytes: bytes }))!;
  draft.append(patternBytes(bytes, seed));
  draft.commit(sampleAnswer({ bodyBytes: bytes, fields: `seed: ${seed}\r\n` }));
}

function find(store: MemoryStore, key: string): StoredBody | null {
  let result: StoredBody | null = null;
  store.find(key, (found) => (result = found));
  return result;
}

const fillers = 5;
const replaced = "replaced";
const other = "other";

/** What a thread may be at: each a change as `MemoryStore` and `MemoryDraft` make it with the lock held. */
const changes: Record<string, (stored: StoredEntries, entryOf: (key: string) => number) => void> = {
  "storing something in the place of something": (stored, entryOf) => {
    const before = entryOf(replaced);
    const [low, high] = [stored.get(before, entryWord.hashLow), stored.get(before, entryWord.hashHigh)];
    const answer = sampleAnswer({ bodyBytes: 3_000, fields: "seed: 7\r\n" });
    const head = headOf(replaced, answer);
    const entry = stored.create({ low, high, head, keyBytes: replaced.length, writer: 0 });
    const first = stored.extend(entry, 0, 4);
    stored.extend(entry, first, 2);
    stored.blocks.write(first, 0, patternBytes(3_000, 7));
    stored.set(entry, entryWord.bodyBytes, 3_000);
    stored.writeHead(entry, headOf(replaced, { ...answer, tags: ["t".repeat(700)] }));
    stored.publish(entry, before);
  },
  "refreshing a head": (stored, entryOf) => {
    const answer = sampleAnswer({ bodyBytes: 2_000, fields: "seed: 1\r\n", tags: ["t".repeat(3_000)] });
    stored.writeHead(entryOf(replaced), headOf(replaced, answer));
  },
  removing: (stored, entryOf) => stored.discard(entryOf(replaced)),
  evicting: (stored) => void stored.makeRoom(stored.blocks.free + 4),
};

for (const [name, change] of Object.entries(changes))
  test(`a thread that dies while ${name} is taken out at every step`, () => {
    let isWhole = false;
    let steps = 0;
    for (; !isWhole; steps++) {
      const { views, control, stores, clock } = createMemoryUnderTest({ maxBytes: 131_072 });
      put(stores[0]!, replaced, 2_000, 1);
      put(stores[1]!, other, 5_000, 2);
      for (let at = 0; at < fillers; at++) put(stores[1]!, `filler ${at}`, 1_000 * at, at + 20);
      const held = find(stores[1]!, other)!;
      const stored = new StoredEntries(views, 0, SteadyClock.from(clock));
      const entryOf = (key: string): number => {
        const found = find(stores[0]!, key)!;
        found.release();
        return (found as unknown as { entry: number }).entry;
      };
      const known = new Map([[replaced, entryOf(replaced)]]);
      views.header[header.lockOwner] = 1;
      cutAt(stored, steps);
      try {
        change(stored, (key) => known.get(key)!);
        isWhole = true;
      } catch (error) {
        if (!(error instanceof Cut)) throw error;
      }
      for (const property of ["take", "give"]) Reflect.deleteProperty(stored.entries, property);
      control.clearStripe(0, () => {});
      const { drafts } = audit(views);
      assert.equal(drafts, 0);
      const seeds = new Map([
        [replaced, [1, 7]],
        [other, [2]],
        ...Array.from({ length: fillers }, (_, at) => [`filler ${at}`, [at + 20]] as [string, number[]]),
      ]);
      for (const [key, allowed] of seeds) {
        const found = find(stores[1]!, key);
        if (found === null) {
          assert.ok(name === "evicting" || key === replaced, `${key} is gone after step ${steps}`);
          continue;
        }
        const seed = Number(/^seed: (\d+)/.exec(found.answer.fields)?.[1]);
        assert.ok(allowed.includes(seed), `${key} has the seed ${seed}`);
        const { body } = new CollectingSink().read(found);
        assert.ok(body.equals(patternBytes(found.answer.bodyBytes!, seed)), `${key} after step ${steps}`);
      }
      const { body } = new CollectingSink().read(held);
      assert.ok(body.equals(patternBytes(5_000, 2)), "what somebody reads stays");
      for (let at = 0; at < 5; at++) put(stores[1]!, `after ${at}`, 1_500, at);
      assert.equal(audit(views).pinned, 0);
    }
    assert.ok(steps > 4, `${steps} steps`);
  });
