/** Stores of tests: on a real server, each with its own connections, as an instance of its own would have them. */
import type { TestContext } from "node:test";
import { RedisServer } from "../../../../test/support/redis-server.ts";
import { eventually } from "../../../../test/support/signal.ts";
import { systemScheduler } from "../../../base/scheduler.ts";
import { SharedMemory } from "../../../base/shared-memory.ts";
import { SteadyClock } from "../../../base/steady-clock.ts";
import { systemClock } from "../../../base/clock.ts";
import type { BodySource } from "../../../http/body.ts";
import type { StoredAnswer } from "../../../http/cache/stored-answer.ts";
import { RedisConnection } from "../../../store/redis-connection.ts";
import type { CacheStore, StoredBody } from "../../cache-store.ts";
import { PurgeLog } from "../../purge/purge-log.ts";
import { ThreadStore } from "../../thread-store.ts";
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
}

/** A server that ends with the test. */
export async function startServer(context: TestContext, ...options: string[]): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  context.after(() => server.close());
  return server;
}

const noNames = { lookup: () => {}, watch: () => {}, unwatch: () => {} };

/** A store that ends with the test. @param options patient unless they say otherwise: a busy machine is no outage */
export async function openStore(
  context: TestContext,
  server: Pick<RedisServer, "url">,
  options: { timeoutMs?: number; maxObjectBytes?: number; prefix?: string } = {},
): Promise<TestStore> {
  const { timeoutMs = 5_000, maxObjectBytes = 4_194_304, prefix = "test:" } = options;
  const open = (): Promise<RedisConnection> =>
    RedisConnection.open({ url: server.url }, { names: noNames, onError: () => {} });
  const [finds, pieces] = [await open(), await open()];
  await Promise.all([finds.connected, pieces.connected]);
  const failures: LineFailure[] = [];
  const outages: (string | null)[] = [];
  let torn = 0;
  const steady = SteadyClock.from(systemClock);
  const clock = { offsetMs: 0, nowMs: () => steady.nowMs() + clock.offsetMs };
  const memory = new SharedMemory();
  PurgeLog.reserve(memory);
  const purges = PurgeLog.open(memory);
  const store = new RedisCacheStore({
    line: new RedisLine({
      scheduler: systemScheduler,
      timeoutMs,
      onFailure: (failure) => failures.push(failure),
      onOutage: (cause) => outages.push(cause),
    }),
    senders: { finds, pieces },
    staging: new ThreadStore(maxObjectBytes),
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
  return { store, purges, failures, outages, torn: () => torn, clock, connections: [finds, pieces] };
}

/** An answer that is fresh for a minute. */
export function createAnswer(parts: Partial<StoredAnswer> = {}): StoredAnswer {
  const nowMs = Date.now();
  return {
    status: 200,
    reasonPhrase: "OK",
    fields: "content-type: text/plain\r\n",
    bodyBytes: null,
    bornMs: nowMs,
    freshUntilMs: nowMs + 60_000,
    staleWhileRevalidateUntilMs: 0,
    staleIfErrorUntilMs: 0,
    mustRevalidate: false,
    alwaysValidates: false,
    isShared: false,
    url: "http://a.test/",
    tags: [],
    purgeSequence: 0,
    variants: null,
    ...parts,
  };
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

/** Writes a body, and waits until it is found. */
export async function put(
  store: CacheStore,
  key: string,
  body: Buffer,
  answer = createAnswer({ bodyBytes: body.length }),
): Promise<void> {
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
