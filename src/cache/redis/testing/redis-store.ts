/** Stores of tests: on a real server, each with its own connections, as an instance of its own would have them. */
import type { TestContext } from "node:test";
import { RedisServer } from "../../../../test/support/redis-server.ts";
import { eventually, loopTurns } from "../../../../test/support/signal.ts";
import { systemScheduler } from "../../../base/scheduler.ts";
import { SharedMemory } from "../../../base/shared-memory.ts";
import { SteadyClock } from "../../../base/steady-clock.ts";
import { systemClock } from "../../../base/clock.ts";
import type { BodySource } from "../../../http/body.ts";
import type { StoredAnswer } from "../../../http/cache/stored-answer.ts";
import { RedisConnection } from "../../../store/redis-connection.ts";
import type { CacheStore, StoredBody } from "../../cache-store.ts";
import { PurgeLog } from "../../purge/purge-log.ts";
import { MemoryControl, openMemoryRegion } from "../../memory/memory-control.ts";
import { MemoryStore } from "../../memory/memory-store.ts";
import type { MemoryWindowParts } from "../../memory/memory-window.ts";
import { LocalBells } from "../../memory/testing/local-bells.ts";
import { sampleAnswer } from "../../testing/sample-answers.ts";
import { stagingOf } from "../staging.ts";
import { RedisCacheStore } from "../redis-cache-store.ts";
import { type LineFailure, RedisLine } from "../redis-line.ts";

/** A store, and what happened to it. */
export interface TestStore {
  readonly store: RedisCacheStore;
  readonly purges: PurgeLog;
  readonly failures: LineFailure[];
  readonly outages: (string | null)[];
  readonly torn: () => number;
  /** The clock of its instance. */
  readonly clock: { offsetMs: number; nowMs(): number };
  readonly connections: readonly RedisConnection[];
  /** Waits until the server has answered everything. */
  settle(): Promise<void>;
}

/** A server that ends with the test. */
export async function startServer(context: TestContext, ...options: string[]): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  context.after(() => server.close());
  return server;
}

const noNames = { lookup: () => {}, watch: () => {}, unwatch: () => {} };

/** How a store of a test is opened. */
export interface StoreOptions {
  readonly timeoutMs?: number;
  readonly maxObjectBytes?: number;
  readonly prefix?: string;
  readonly purges?: PurgeLog;
  /** The memory of the process; default: its own. */
  readonly process?: TestProcess;
  /** Which of the two threads of the process it is; default: the first. */
  readonly stripeIndex?: 0 | 1;
}

/** What the threads of a process share. */
export class TestProcess {
  readonly memory = new SharedMemory();
  readonly bells = new LocalBells();
  readonly steady = SteadyClock.from(systemClock);

  openStaging(
    maxObjectBytes: number,
    { stripeIndex, purges, clock }: Pick<MemoryWindowParts, "stripeIndex" | "purges" | "clock">,
  ): MemoryStore {
    const place = stagingOf({ name: "test", maxObjectBytes });
    const { memory, bells } = this;
    MemoryControl.reserve(memory, place, { stripes: 2, clock, ring: (mask) => bells.ring(mask) });
    return new MemoryStore(openMemoryRegion(memory, place, 2), {
      stripeIndex,
      clock,
      purges,
      maxObjectBytes,
      bells: bells.of(stripeIndex),
    });
  }
}

/** A store that ends with the test. @param options patient unless they say otherwise: a busy machine is no outage */
export async function openStore(
  context: { after(run: () => void): void },
  server: Pick<RedisServer, "url">,
  options: StoreOptions = {},
): Promise<TestStore> {
  const { timeoutMs = 5_000, maxObjectBytes = 4_194_304, prefix = "test:" } = options;
  const open = (): Promise<RedisConnection> =>
    RedisConnection.open({ url: server.url }, { names: noNames, onError: () => {} });
  const [finds, pieces] = [await open(), await open()];
  await Promise.all([finds.connected, pieces.connected]);
  const failures: LineFailure[] = [];
  const outages: (string | null)[] = [];
  let torn = 0;
  const { process = new TestProcess(), stripeIndex = 0 } = options;
  const clock = { offsetMs: 0, nowMs: () => process.steady.nowMs() + clock.offsetMs };
  PurgeLog.reserve(process.memory);
  const purges = options.purges ?? PurgeLog.open(process.memory);
  const line = new RedisLine({
    scheduler: systemScheduler,
    timeoutMs,
    onFailure: (failure) => failures.push(failure),
    onOutage: (cause) => outages.push(cause),
    onSilence: () => {
      finds.renew();
      pieces.renew();
    },
  });
  const store = new RedisCacheStore({
    line,
    senders: { finds, pieces },
    staging: process.openStaging(maxObjectBytes, { stripeIndex, purges, clock }),
    prefix,
    maxObjectBytes,
    clock,
    purges,
    onTorn: () => torn++,
    onClose: () => {
      finds.close();
      pieces.close();
    },
  });
  await store.begin();
  context.after(() => store.close());
  const settle = async (): Promise<void> => {
    await loopTurns(3);
    await eventually(() => line.pendingCount === 0, "the server has answered");
  };
  return { store, purges, failures, outages, torn: () => torn, clock, connections: [finds, pieces], settle };
}

/** An answer that is fresh for a minute. */
export function createAnswer(parts: Partial<StoredAnswer> = {}): StoredAnswer {
  const nowMs = Date.now();
  return sampleAnswer({
    fields: "content-type: text/plain\r\n",
    bornMs: nowMs,
    freshUntilMs: nowMs + 60_000,
    staleWhileRevalidateUntilMs: 0,
    staleIfErrorUntilMs: 0,
    url: "http://a.test/",
    ...parts,
  });
}

/** A find as a promise. */
export function find(store: CacheStore, key: string): Promise<StoredBody | null> {
  return new Promise((resolve) => store.find(key, resolve));
}

/** The bytes of a body; null if it broke off. @param pace how many chunks it takes in a turn of the event loop */
export function readBody(body: StoredBody, start = 0, end = Infinity, pace = Infinity): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let source: BodySource | null = null;
    let isDue = false;
    const resume = (): void => {
      isDue = false;
      source?.resume();
    };
    let taken = 0;
    source = body.open(start, end, {
      data: (chunk) => void chunks.push(Buffer.from(chunk)),
      flush() {
        if (++taken % pace !== 0) return true;
        if (!isDue) setImmediate(resume);
        isDue = true;
        return false;
      },
      end() {
        resolve(Buffer.concat(chunks));
        return true;
      },
      abort: () => resolve(null),
    });
  });
}

/** Looks a key up, as the cache does before it fetches; then writes a body, and waits until it is found. */
export async function put(
  store: CacheStore,
  key: string,
  body: Buffer,
  answer = createAnswer({ bodyBytes: body.length }),
): Promise<void> {
  (await find(store, key))?.release();
  const draft = store.create(key, answer);
  if (draft === null) throw new Error("nothing can be written");
  for (let at = 0; at < body.length; at += 50_000) draft.append(body.subarray(at, at + 50_000));
  draft.commit({ ...answer, bodyBytes: body.length });
  await eventually(async () => {
    const found = await find(store, key);
    return found !== null && found.answer.bornMs === answer.bornMs && found.answer.bodyBytes === body.length;
  }, `${key} is stored`);
}

/** Bytes that repeat in no simple way. */
export function createBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = seed;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}
