/**
 * What the memory store costs a hit: nanoseconds to look a key up and give the body to a sink, for several sizes, with
 * heads that this thread has read before and with heads that it has not (budget: 3 µs for 10 KiB); and what storing
 * costs. Run: node bench/micro/cache-memory.ts
 */
import { systemClock } from "../../src/base/clock.ts";
import { SharedMemory } from "../../src/base/shared-memory.ts";
import { SteadyClock } from "../../src/base/steady-clock.ts";
import { MemoryControl, openMemoryRegion } from "../../src/cache/memory/memory-control.ts";
import { MemoryStore } from "../../src/cache/memory/memory-store.ts";
import { PurgeLog } from "../../src/cache/purge/purge-log.ts";
import { sampleAnswer } from "../../src/cache/testing/sample-answers.ts";
import type { BodySink } from "../../src/http/body.ts";

const memory = new SharedMemory();
const clock = SteadyClock.from(systemClock);
PurgeLog.reserve(memory);
const views = openMemoryRegion(memory, { name: "memory", maxBytes: 268_435_456 }, 2);
new MemoryControl("memory", views, clock);
const store = new MemoryStore(views, {
  stripeIndex: 0,
  clock,
  purges: PurgeLog.open(memory),
  bells: { ownMask: 1, ring: () => {}, listen: () => ({ close: () => {} }) },
  maxObjectBytes: 16_777_216,
});

let given = 0;
const takes: BodySink = {
  data: (chunk) => void (given += chunk.length),
  flush: () => true,
  end: () => true,
  abort: () => {},
};
const keeps: BodySink = { ...takes, end: () => false, flush: () => true };

const fields = Array.from({ length: 10 }, (_, at) => `X-Field-${at}: some value of a usual length ${at}\r\n`).join("");
const keyOf = (bytes: number, at: number): string =>
  `route-of-the-shop\nhttps://www.example.com/some/path/${bytes}/${at}?page=1`;

function put(key: string, body: Buffer): void {
  const answer = sampleAnswer({ bodyBytes: body.length, fields });
  const draft = store.create(key, answer);
  draft?.append(body);
  draft?.commit(answer);
}

/** The best of several rounds, in nanoseconds of processor time: others may use the machine. */
function measure(name: string, count: number, run: (at: number) => void): void {
  for (let at = 0; at < count; at++) run(at);
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const start = process.cpuUsage();
    for (let at = 0; at < count; at++) run(at);
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, ((user + system) * 1_000) / count);
  }
  console.log(`${name.padEnd(64)} ${best.toFixed(0).padStart(8)} ns`);
}

for (const bytes of [0, 1_024, 10_240, 65_536, 1_048_576]) {
  const body = Buffer.alloc(bytes, "x");
  const count = bytes > 100_000 ? 50 : 2_000;
  for (let at = 0; at < count; at++) put(keyOf(bytes, at), body);
  const keys = Array.from({ length: count }, (_, at) => keyOf(bytes, at));
  const loops = bytes > 100_000 ? 500 : 100_000;
  const hit =
    (sink: BodySink, spread: number) =>
    (at: number): void =>
      store.find(keys[at % spread]!, (found) => {
        if (found === null) throw new Error("a miss");
        found.open(0, Infinity, sink);
      });
  measure(`hit, ${bytes} bytes, 50 keys, the sink gives back`, loops, hit(takes, Math.min(50, count)));
  measure(`hit, ${bytes} bytes, 50 keys, the sink keeps`, loops, hit(keeps, Math.min(50, count)));
  measure(`hit, ${bytes} bytes, ${count} keys`, loops, hit(takes, count));
  measure(`look-up alone, ${bytes} bytes, 50 keys`, loops, (at) =>
    store.find(keys[at % Math.min(50, count)]!, (found) => found?.release()),
  );
  measure(`store, ${bytes} bytes`, Math.min(loops, 20_000), (at) => put(keyOf(bytes, at % count), body));
}
measure("miss", 100_000, (at) => store.find(keyOf(7, at), () => {}));
if (given === 0) throw new Error("nothing was given");
