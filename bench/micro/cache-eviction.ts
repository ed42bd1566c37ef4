/**
 * What share of requests the memory store answers, beside a least-recently-used list that is charged the same blocks, on
 * traces whose popularity falls by Zipf's law, with and without scans of objects that are asked for once. The store is
 * the real one, with all it needs beside the bodies within its size; the list has the whole size for blocks.
 * Run: node bench/micro/cache-eviction.ts
 */
import { systemClock } from "../../src/base/clock.ts";
import { mix32 } from "../../src/base/hash.ts";
import { seededRandom } from "../../src/base/random.ts";
import { SharedMemory } from "../../src/base/shared-memory.ts";
import { SteadyClock } from "../../src/base/steady-clock.ts";
import { MemoryControl, openMemoryRegion } from "../../src/cache/memory/memory-control.ts";
import { headOf } from "../../src/cache/memory/memory-draft.ts";
import { MemoryStore } from "../../src/cache/memory/memory-store.ts";
import { blocksFor } from "../../src/cache/memory/stored-entries.ts";
import { PurgeLog } from "../../src/cache/purge/purge-log.ts";
import { sampleAnswer } from "../../src/cache/testing/sample-answers.ts";
import { alignColumns } from "../macro/report/tables.ts";
import { createZipfTrace } from "../zipf-trace.ts";

const objects = 50_000;
const requests = 300_000;
const fields = Array.from({ length: 8 }, (_, at) => `x-field-${at}: a value\r\n`).join("");
const bodies = Buffer.alloc(65_536, "x");

/** From 1 to 64 KiB, small ones more often. */
const sizeOf = (object: number): number => Math.floor(1_024 * 64 ** (mix32(object) / 2 ** 32));
const keyOf = (object: number): string => `route\nhttps://www.example.com/objects/${object}`;
const answerOf = (object: number) => sampleAnswer({ bodyBytes: sizeOf(object), fields, bornMs: 1e12 });
const blocksOf = (object: number): number =>
  blocksFor(headOf(keyOf(object), answerOf(object)).length) + blocksFor(sizeOf(object));

/** The first half of a trace fills the cache, the second counts. */
function shareOfHits(trace: Uint32Array, ask: (object: number) => boolean): number {
  let hits = 0;
  for (const [at, object] of trace.entries()) if (ask(object) && at >= trace.length / 2) hits++;
  return hits / (trace.length / 2);
}

function createStore(maxBytes: number): (object: number) => boolean {
  const memory = new SharedMemory();
  const clock = SteadyClock.from(systemClock);
  PurgeLog.reserve(memory);
  const views = openMemoryRegion(memory, { name: "memory", maxBytes }, 2);
  new MemoryControl("memory", views, clock);
  const store = new MemoryStore(views, {
    stripeIndex: 0,
    clock,
    purges: PurgeLog.open(memory),
    bells: { ownMask: 1, ring: () => {}, listen: () => ({ close: () => {} }) },
    maxObjectBytes: 16_777_216,
  });
  return (object) => {
    let isHit = false;
    store.find(keyOf(object), (found) => {
      isHit = found !== null;
      found?.release();
    });
    if (isHit) return true;
    const answer = sampleAnswer({ bodyBytes: sizeOf(object), fields });
    const draft = store.create(keyOf(object), answer);
    draft?.append(bodies.subarray(0, sizeOf(object)));
    draft?.commit(answer);
    return false;
  };
}

function createList(maxBytes: number): (object: number) => boolean {
  const known = new Map<number, number>();
  let free = Math.floor(maxBytes / 512);
  return (object) => {
    const blocks = known.get(object);
    if (blocks !== undefined) {
      known.delete(object);
      known.set(object, blocks);
      return true;
    }
    const needed = blocksOf(object);
    for (const [oldest, size] of known) {
      if (free >= needed) break;
      known.delete(oldest);
      free += size;
    }
    known.set(object, needed);
    free -= needed;
    return false;
  };
}

let totalBytes = 0;
for (let object = 0; object < objects; object++) totalBytes += sizeOf(object);

const rows = [["Zipf", "scans", "size", "store", "list"]];
for (const exponent of [0.7, 0.9, 1.1])
  for (const scanShare of [0, 0.3])
    for (const share of [0.01, 0.1]) {
      const trace = createZipfTrace({ objects, requests, exponent, scanShare }, seededRandom(1));
      const maxBytes = Math.floor(totalBytes * share);
      const percent = (value: number): string => `${(value * 100).toFixed(2)} %`;
      rows.push([
        exponent.toFixed(1),
        percent(scanShare),
        percent(share),
        percent(shareOfHits(trace, createStore(maxBytes))),
        percent(shareOfHits(trace, createList(maxBytes))),
      ]);
    }
console.log(alignColumns(rows));
