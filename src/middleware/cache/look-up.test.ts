import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import * as schemaTools from "../../base/option-schema.ts";
import { SharedMemory } from "../../base/shared-memory.ts";
import { SteadyClock } from "../../base/steady-clock.ts";
import { type CacheParts, openCacheParts } from "../../cache/cache-parts.ts";
import type { CacheStore, StoredBody } from "../../cache/cache-store.ts";
import { reserveCaches } from "../../cache/reserve-caches.ts";
import { ThreadStore } from "../../cache/testing/thread-store.ts";
import type { AnswerHead } from "../../http/answer.ts";
import { emptySource } from "../../http/body.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import { Fields } from "../../http/fields.ts";
import type { RequestHead } from "../../http/message.ts";
import type { RouteHandler } from "../middleware.ts";
import { createContext, createExchange, type RecordingClient } from "../testing/context.ts";
import { createCache } from "./cache.ts";
import { createCacheSchema } from "./options.ts";
import { withVariant } from "./variants-record.ts";

/** A store that answers later, if it is told to. */
class LateStore extends ThreadStore {
  isLate = false;
  readonly waiting: (() => void)[] = [];
  readonly released: string[] = [];

  override find(key: string, done: (found: StoredBody | null) => void): void {
    const tell = (): void => super.find(key, (found) => done(found === null ? null : this.#watched(key, found)));
    if (this.isLate) this.waiting.push(tell);
    else tell();
  }

  #watched(key: string, found: StoredBody): StoredBody {
    return {
      answer: found.answer,
      isGrowing: found.isGrowing,
      open: (start, end, sink) => found.open(start, end, sink),
      release: () => void this.released.push(key),
    };
  }
}

/** A cache alone: its store, its time, and what goes to the origin, which answers `fresh`. */
class Setup {
  readonly store = new LateStore(10_000);
  readonly clock = new ManualClock();
  readonly parts: CacheParts;
  readonly fetched: string[] = [];
  readonly #handler: RouteHandler;

  constructor(options: Record<string, unknown> = {}) {
    const { context } = createContext();
    const memory = new SharedMemory();
    const place = { name: "memory", kind: "memory", maxBytes: 1_048_576, maxObjectBytes: 10_000 } as const;
    reserveCaches([place], { memory, stripes: 1 });
    this.parts = { ...openCacheParts({ ...context, memory }), clock: SteadyClock.from(this.clock) };
    const caches = new Map<string, CacheStore>([["memory", this.store]]);
    const cache = createCache(createCacheSchema(schemaTools).parse(options), {
      ...context,
      caches,
      cacheParts: this.parts,
    });
    this.#handler = cache((exchange) => {
      this.fetched.push(exchange.request.method);
      const sink = exchange.start(freshHead, emptySource);
      sink.data(Buffer.from("fresh"));
      sink.end(null);
    });
  }

  get nowMs(): number {
    return this.parts.clock.nowMs();
  }

  /** Stores `body` under `key`. */
  put(key: string, body: string, facts: Partial<StoredAnswer> = {}): StoredAnswer {
    const answer: StoredAnswer = {
      status: 200,
      reasonPhrase: "OK",
      fields: 'ETag: "1"\r\n',
      bodyBytes: body.length,
      bornMs: this.nowMs,
      freshUntilMs: this.nowMs + 10_000,
      staleWhileRevalidateUntilMs: 0,
      staleIfErrorUntilMs: 0,
      mustRevalidate: false,
      alwaysValidates: false,
      isShared: false,
      url: "http://a.test/x",
      tags: [],
      purgeSequence: 0,
      variants: null,
      ...facts,
    };
    const draft = this.store.create(key, answer)!;
    draft.append(Buffer.from(body));
    draft.commit(answer);
    return answer;
  }

  ask(facts: Partial<RequestHead> = {}): RecordingClient {
    const { exchange, client } = createExchange({ authority: "a.test", target: "/x", path: "/x", ...facts });
    this.#handler(exchange);
    return client;
  }
}

const freshHead: AnswerHead = {
  status: 200,
  reasonPhrase: "OK",
  fields: Fields.none,
  body: 5,
  declaredLength: 5,
  tunnel: null,
  from: "endpoint",
};
const key = "test\nhttp://a.test/x";

test("what is fresh answers, and its age is counted from its birth", () => {
  const setup = new Setup();
  setup.put(key, "stored", { bornMs: setup.nowMs - 5_000 });
  setup.clock.advance(2_500);
  const client = setup.ask();
  assert.deepEqual([client.content, client.told], ["stored", ["head 200 6", "end"]]);
  assert.match(client.fields, /\r\nAge: 7\r\nCache-Status: millrace; hit; ttl=8\r\n$/);
  assert.deepEqual(setup.fetched, []);
});

test("what has expired is fetched", () => {
  const setup = new Setup();
  setup.put(key, "stored");
  setup.clock.advance(10_000);
  assert.equal(setup.ask().content, "fresh");
});

test("a variant that has expired hides none that lives", () => {
  const setup = new Setup();
  const variantKeys = [`${key}\nx-a\n`, `${key}\nx-b\n`];
  const dead = setup.put(variantKeys[1]!, "dead", { freshUntilMs: setup.nowMs });
  const live = setup.put(variantKeys[0]!, "live");
  const record = withVariant(withVariant(null, { names: ["x-a"], key: variantKeys[0]!, answer: live }), {
    names: ["x-b"],
    key: variantKeys[1]!,
    answer: dead,
  });
  setup.put(key, "", record);
  assert.equal(setup.ask().content, "live");
  assert.deepEqual(setup.store.released.toSorted(), [key, variantKeys[1]]);
  assert.deepEqual(setup.fetched, []);
});

test("what was purged is gone, and what was purged softly is stale", () => {
  const setup = new Setup({ staleWhileRevalidate: "1h" });
  setup.put(key, "stored", { staleWhileRevalidateUntilMs: setup.nowMs + 60_000 });
  setup.parts.purges.append({ kind: "url", value: "http://a.test/other", isSoft: false });
  assert.equal(setup.ask().content, "stored");
  setup.parts.purges.append({ kind: "prefix", value: "http://a.test/", isSoft: true });
  const stale = setup.ask();
  assert.equal(stale.content, "stored");
  assert.match(stale.fields, /ttl=0/);
  setup.parts.purges.append({ kind: "url", value: "http://a.test/x", isSoft: false });
  assert.equal(setup.ask().content, "fresh");
});

test("a stale answer is used if the client takes it, or while it is validated behind", () => {
  const setup = new Setup();
  setup.put(key, "stored", { freshUntilMs: setup.nowMs });
  const tolerant = setup.ask({ keptFields: "Cache-Control: max-stale=10\r\n" });
  assert.equal(tolerant.content, "stored");
  assert.deepEqual(setup.fetched, []);
  setup.put(key, "stored", { freshUntilMs: setup.nowMs, staleWhileRevalidateUntilMs: setup.nowMs + 10_000 });
  assert.equal(setup.ask().content, "stored");
  assert.deepEqual(setup.fetched, ["GET"]);
});

test("a store that answers later holds the request, and a client that goes meanwhile costs nothing", () => {
  const setup = new Setup();
  setup.put(key, "stored");
  setup.store.isLate = true;
  const staying = setup.ask();
  const going = setup.ask();
  assert.deepEqual([staying.told, going.told], [[], []]);
  going.leave();
  for (const tell of setup.store.waiting.splice(0)) tell();
  assert.equal(staying.content, "stored");
  assert.equal(going.content, "");
  assert.deepEqual(setup.store.released, [key]);
  assert.deepEqual(setup.fetched, []);
});

test("a stored answer that must not be used stays, and is released", () => {
  const setup = new Setup();
  setup.put(key, "stored");
  assert.equal(setup.ask({ keptFields: "Authorization: Basic x\r\n" }).content, "fresh");
  assert.equal(setup.ask({ keptFields: "Cache-Control: no-store\r\n" }).content, "fresh");
  assert.equal(setup.ask({ method: "HEAD", keptFields: "Cache-Control: no-cache\r\n" }).told[0], "head 200 5");
  assert.deepEqual(setup.store.released, [key, key, key]);
  assert.deepEqual(setup.fetched, ["GET", "GET", "HEAD"]);
  assert.equal(setup.ask().content, "stored");
});

test("an unsafe request makes invalid what is stored for those who send no such fields", () => {
  const setup = new Setup();
  setup.put(key, "stored");
  setup.ask({ method: "POST", keptFields: "X-Requested-With: XMLHttpRequest\r\n" });
  assert.equal(setup.ask().content, "fresh");
});
