import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { SharedMemory } from "../../base/shared-memory.ts";
import { SteadyClock } from "../../base/steady-clock.ts";
import { PurgeLog } from "../purge/purge-log.ts";
import { CollectingSink } from "../testing/collecting-sink.ts";
import { sampleAnswer } from "../testing/sample-answers.ts";
import { patternBytes } from "../testing/store-under-test.ts";
import { MemoryControl, openMemoryRegion } from "./memory-control.ts";
import { MemoryStore } from "./memory-store.ts";
import { LocalBells } from "./testing/local-bells.ts";

test("a body whose room comes in many small runs is whole, whatever the sizes of its pieces", () => {
  const memory = new SharedMemory();
  PurgeLog.reserve(memory);
  const clock = SteadyClock.from(systemClock);
  const place = { name: "memory", maxBytes: 4_194_304 };
  const bells = new LocalBells();
  MemoryControl.reserve(memory, place, { stripes: 1, clock, ring: (mask) => bells.ring(mask) });
  const store = new MemoryStore(openMemoryRegion(memory, place, 1), {
    stripeIndex: 0,
    clock,
    purges: PurgeLog.open(memory),
    maxObjectBytes: 2_000_000,
    bells: bells.of(0),
  });
  const put = (key: string, body: Buffer, pieceBytes: number): void => {
    const answer = sampleAnswer({ bodyBytes: body.length });
    const draft = store.create(key, answer);
    assert.ok(draft);
    for (let at = 0; at < body.length; at += pieceBytes) draft.append(body.subarray(at, at + pieceBytes));
    draft.commit(answer);
  };
  const small = 1_900;
  for (let at = 0; at < small; at++) put(`small ${at}`, patternBytes(1_500, at), 1_500);
  for (let at = 0; at < small; at += 2) store.remove(`small ${at}`);
  for (const [at, pieceBytes] of [70_001, 65_536, 1_460, 300_000].entries()) {
    const body = patternBytes(600_000, at);
    put("large", body, pieceBytes);
    let isFound = false;
    store.find("large", (found) => {
      isFound = true;
      const sink = new CollectingSink();
      found?.open(0, Infinity, sink);
      assert.ok(Buffer.concat(sink.chunks).equals(body), `pieces of ${pieceBytes}`);
    });
    assert.ok(isFound);
    store.remove("large");
  }
  store.close();
});
