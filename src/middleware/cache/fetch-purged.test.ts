/** Purges and unsafe requests that come between the look-up and the end of a fetch. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import * as schemaTools from "../../base/option-schema.ts";
import { SharedMemory } from "../../base/shared-memory.ts";
import { SteadyClock } from "../../base/steady-clock.ts";
import { type CacheParts, openCacheParts } from "../../cache/cache-parts.ts";
import type { StoredBody } from "../../cache/cache-store.ts";
import { reserveCaches } from "../../cache/reserve-caches.ts";
import { sampleAnswer } from "../../cache/testing/sample-answers.ts";
import { ThreadStore } from "../../cache/testing/thread-store.ts";
import { emptySource } from "../../http/body.ts";
import type { Exchange } from "../../http/exchange.ts";
import { Fields } from "../../http/fields.ts";
import type { RouteHandler } from "../middleware.ts";
import { createContext, createExchange, type RecordingClient } from "../testing/context.ts";
import { createCache } from "./cache.ts";
import { createCacheSchema } from "./options.ts";

const key = "test\nhttp://a.test/x";
const purge = { kind: "url", value: "http://a.test/x", isSoft: false } as const;

/** A store that answers later, if it is told to. */
class LateStore extends ThreadStore {
  isLate = false;
  readonly waiting: (() => void)[] = [];

  override find(key: string, done: (found: StoredBody | null) => void): void {
    if (this.isLate) this.waiting.push(() => super.find(key, done));
    else super.find(key, done);
  }
}

/** A cache that has a stale answer, and an origin that waits to be told. */
class Setup {
  readonly store = new LateStore(10_000);
  readonly parts: CacheParts;
  /** What has come to the origin. */
  readonly asked: Exchange[] = [];
  readonly #handler: RouteHandler;

  constructor() {
    const { context } = createContext();
    const memory = new SharedMemory();
    const place = { name: "memory", kind: "memory", maxBytes: 1_048_576, maxObjectBytes: 10_000 } as const;
    reserveCaches([place], { memory, stripes: 1 });
    this.parts = { ...openCacheParts({ ...context, memory }), clock: SteadyClock.from(new ManualClock()) };
    const { store } = this;
    const cache = createCache(createCacheSchema(schemaTools).parse({}), {
      ...context,
      caches: new Map([["memory", store]]),
      cacheParts: this.parts,
    });
    this.#handler = cache((exchange) => void this.asked.push(exchange));
    const nowMs = this.parts.clock.nowMs();
    const answer = sampleAnswer({
      fields: 'ETag: "1"\r\n',
      bodyBytes: 5,
      bornMs: nowMs - 10,
      freshUntilMs: nowMs,
      staleWhileRevalidateUntilMs: nowMs,
      staleIfErrorUntilMs: nowMs + 60_000,
      url: purge.value,
    });
    const draft = store.create(key, answer)!;
    draft.append(Buffer.from("stale"));
    draft.commit(answer);
  }

  ask(): RecordingClient {
    const { exchange, client } = createExchange({ authority: "a.test", target: "/x", path: "/x" });
    this.#handler(exchange);
    return client;
  }

  /** The origin's answer to the last request. */
  answer(status: number, text: string, more = ""): void {
    const fields = Fields.none.plus("ETag", '"1"').plus("Cache-Control", "max-age=100").plusText(more);
    const { length } = text;
    const head = { status, reasonPhrase: "", fields, body: length, declaredLength: length, tunnel: null } as const;
    const sink = this.asked.at(-1)!.start({ ...head, from: "endpoint" }, emptySource);
    if (text !== "") sink.data(Buffer.from(text));
    sink.end(null);
  }

  get validators(): (string | null)[] {
    return this.asked.map(({ outgoing }) => outgoing.fields.value("if-none-match"));
  }
}

test("what is purged while it is validated is fetched anew, whatever the origin says of it", () => {
  const setup = new Setup();
  const client = setup.ask();
  setup.parts.purges.append(purge);
  setup.answer(304, "");
  assert.equal(client.content, "");
  setup.answer(200, "fresh");
  assert.equal(client.content, "fresh");
  assert.deepEqual(setup.validators, ['"1"', null]);
  assert.equal(setup.ask().content, "fresh");
});

test("what is purged while its origin is asked does not stand in for an error", () => {
  const setup = new Setup();
  const client = setup.ask();
  setup.parts.purges.append(purge);
  setup.answer(503, "sorry");
  assert.equal(client.content, "sorry");
});

test("what is purged while its request waits for another one is not validated then", () => {
  const setup = new Setup();
  const [leader, waiter] = [setup.ask(), setup.ask()];
  assert.equal(setup.asked.length, 1);
  setup.parts.purges.append(purge);
  setup.answer(404, "none");
  assert.equal(leader!.content, "none");
  assert.deepEqual(setup.validators, ['"1"', null]);
  setup.answer(200, "fresh");
  assert.equal(waiter!.content, "fresh");
});

test("an unsafe request while the record of variants is written leaves none", () => {
  const setup = new Setup();
  const { store, parts } = setup;
  const client = setup.ask();
  store.isLate = true;
  setup.answer(200, "old", "Vary: x-a\r\n");
  assert.equal(client.content, "old");
  parts.invalidations.raise(key);
  store.remove(key);
  store.isLate = false;
  for (const find of store.waiting.splice(0)) find();
  const after = setup.ask();
  assert.equal(setup.asked.length, 2);
  setup.answer(200, "new");
  assert.equal(after.content, "new");
});
