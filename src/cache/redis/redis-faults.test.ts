/** The store when its server is away, slow, full, or has lost or spoilt what was stored. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { redisCommand } from "../../../test/support/redis-server.ts";
import { eventually } from "../../../test/support/signal.ts";
import { CollectingSink } from "../testing/collecting-sink.ts";
import {
  createAnswer,
  createBytes,
  find,
  openStore,
  put,
  readBody,
  startServer,
  type TestStore,
} from "./testing/redis-store.ts";

const skip = redisCommand === null ? "redis-server is not installed: node scripts/install-packages.ts test" : false;

function testRedis(name: string, run: (context: TestContext) => Promise<void>): void {
  test(name, { skip }, run);
}

/** Sends a command to the server, past the store. */
function send({ connections: [sender] }: TestStore, ...command: (string | Buffer)[]): Promise<unknown> {
  return sender!.sendBytes(command);
}

/** All keys that begin with `test:` and what follows. */
async function keysOf(one: TestStore, beginning: string): Promise<string[]> {
  return ((await send(one, "KEYS", `test:cache:${beginning}*`)) as Buffer[]).map(String).toSorted();
}

const large = createBytes(600_000);

testRedis("a frozen server is a miss, soon without being asked, and nothing is begun for it", async (context) => {
  const server = await startServer(context);
  const one = await openStore(context, server, { timeoutMs: 20 });
  server.freeze();
  while (one.outages.length === 0) assert.equal(await find(one.store, "key"), null);
  assert.deepEqual(new Set(one.failures), new Set(["timeout"]));
  assert.deepEqual(one.outages, ["no answer within 20 ms"]);
  assert.equal(await find(one.store, "key"), null);
  assert.equal(one.failures.at(-1), "skipped");
  assert.equal(one.store.create("key", createAnswer()), null);
  server.thaw();
  await eventually(async () => {
    await find(one.store, "key");
    return one.outages.length === 2;
  }, "it is asked again");
  await put(one.store, "key", large);
});

testRedis("a body on its way to a server that freezes holds nobody up and does not pile up", async (context) => {
  const server = await startServer(context);
  const one = await openStore(context, server, { timeoutMs: 1_000, maxObjectBytes: 4_194_304 });
  await find(one.store, "key");
  const body = createBytes(4_000_000);
  const draft = one.store.create("key", createAnswer())!;
  const reader = new CollectingSink().read(draft.read());
  server.freeze();
  for (let at = 0; at < body.length; at += 100_000) assert.ok(draft.append(body.subarray(at, at + 100_000)));
  draft.commit(createAnswer({ bodyBytes: body.length }));
  assert.ok((await reader.all()).equals(body));
  await one.settle();
  assert.deepEqual(one.failures, ["timeout", "timeout"], "two pieces were on their way");
  server.thaw();
  await eventually(async () => (await keysOf(one, "body")).length <= 2, "the server answers");
  assert.deepEqual(await keysOf(one, "answer"), []);
});

testRedis("many bodies at once share the way to the server, and all arrive", async (context) => {
  const one = await openStore(context, await startServer(context));
  const [, pieces] = one.connections;
  const sendBytes = pieces!.sendBytes.bind(pieces);
  let bytes = 0;
  let mostBytes = 0;
  pieces!.sendBytes = (command) => {
    const size = command.reduce((sum, part) => sum + part.length, 0);
    bytes += size;
    mostBytes = Math.max(mostBytes, bytes);
    return sendBytes(command).finally(() => (bytes -= size));
  };
  const bodies = Array.from({ length: 40 }, (_, at) => createBytes(700_000, at));
  const drafts = bodies.map((_, at) => one.store.create(`key ${at}`, createAnswer())!);
  for (let at = 0; at < 700_000; at += 70_000)
    for (const [index, draft] of drafts.entries()) draft.append(bodies[index]!.subarray(at, at + 70_000));
  for (const draft of drafts) draft.commit(createAnswer({ bodyBytes: 700_000 }));
  for (const [at, body] of bodies.entries()) {
    let found = await find(one.store, `key ${at}`);
    while (found === null) found = await find(one.store, `key ${at}`);
    assert.ok((await readBody(found))?.equals(body), `key ${at}`);
  }
  assert.ok(mostBytes > 2_000_000 && mostBytes < 4_194_304 + 40 * 132_000, `${mostBytes} bytes were on their way`);
  assert.deepEqual(one.failures, []);
});

testRedis("a server that dies breaks off what is being read, and is a miss at once", async (context) => {
  const server = await startServer(context);
  const one = await openStore(context, server);
  await put(one.store, "key", large);
  const reader = new CollectingSink(1).read((await find(one.store, "key"))!);
  await reader.has(1);
  await server.kill();
  const read = await reader.all();
  assert.equal(reader.outcome, "abort");
  assert.ok(read.equals(large.subarray(0, read.length)));
  assert.equal(await find(one.store, "key"), null);
  assert.ok(one.failures.every((failure) => failure === "error" || failure === "skipped"));
});

testRedis("a server that starts anew, empty, is used again; what began before is not stored", async (context) => {
  const server = await startServer(context);
  const one = await openStore(context, server);
  await find(one.store, "key");
  const draft = one.store.create("key", createAnswer())!;
  await server.restart();
  const isBack = async (): Promise<boolean> => {
    await find(one.store, "other");
    return one.failures.at(-1) === undefined || (await send(one, "PING").catch(() => null)) !== null;
  };
  await eventually(isBack, "it is connected again");
  await eventually(async () => {
    const failures = one.failures.length;
    await find(one.store, "other");
    return one.failures.length === failures;
  }, "it answers");
  draft.commit(createAnswer({ bodyBytes: 0 }));
  await one.settle();
  assert.equal(await find(one.store, "key"), null, "whatever was purged before the start is not known any more");
  await put(one.store, "key", large);
  assert.ok((await readBody((await find(one.store, "key"))!))?.equals(large));
});

testRedis("a full server refuses, and still gives what it has; that is no outage", async (context) => {
  const server = await startServer(context, "--maxmemory-policy", "noeviction");
  const one = await openStore(context, server);
  await put(one.store, "key", large);
  await send(one, "CONFIG", "SET", "maxmemory", "1");
  for (const body of [Buffer.from("small"), large])
    for (let times = 0; times < 6; times++) {
      await find(one.store, "other");
      const draft = one.store.create("other", createAnswer())!;
      for (let at = 0; at < body.length; at += 100_000) draft.append(body.subarray(at, at + 100_000));
      draft.commit(createAnswer({ bodyBytes: body.length }));
      await one.settle();
    }
  assert.equal(await find(one.store, "other"), null);
  assert.deepEqual(new Set(one.failures), new Set(["refused"]));
  assert.deepEqual(one.outages, []);
  assert.ok((await readBody((await find(one.store, "key"))!))?.equals(large));
});

testRedis("a server that evicts anything, also single pieces, never gives a torn body", async (context) => {
  const server = await startServer(context, "--maxmemory-policy", "allkeys-lru", "--maxmemory", "6mb");
  const one = await openStore(context, server);
  let hits = 0;
  for (let round = 0; round < 60; round++) {
    const key = `key ${round}`;
    const body = createBytes(400_000, round);
    await find(one.store, key);
    const draft = one.store.create(key, createAnswer())!;
    for (let at = 0; at < body.length; at += 100_000) draft.append(body.subarray(at, at + 100_000));
    draft.commit(createAnswer({ bodyBytes: body.length }));
    await one.settle();
    for (let back = Math.max(0, round - 10); back <= round; back += 5) {
      const found = await find(one.store, `key ${back}`);
      const read = found === null ? null : await readBody(found);
      if (read === null) continue;
      hits++;
      assert.ok(read.equals(createBytes(400_000, back)), `${back} in round ${round}`);
    }
  }
  assert.ok(hits > 0);
  assert.equal(one.torn(), 0);
});

testRedis("without any one of its pieces an answer is a miss, and gone", async (context) => {
  const one = await openStore(context, await startServer(context));
  await put(one.store, "key", large);
  const pieces = await keysOf(one, "body");
  assert.equal(pieces.length, 5);
  for (const at of pieces.keys()) {
    await put(one.store, "key", large);
    const id = (await keysOf(one, "body")).find((piece) => piece.endsWith(`:${at}`) && !pieces.includes(piece))!;
    await send(one, "DEL", id);
    assert.equal(await find(one.store, "key"), null);
    assert.deepEqual(await keysOf(one, "answer"), []);
    for (const piece of await keysOf(one, "body")) await send(one, "DEL", piece);
  }
});

testRedis("a piece that is lost or spoilt while a body is being read breaks it off before it", async (context) => {
  const one = await openStore(context, await startServer(context));
  const spoil: ((piece: string) => Promise<unknown>)[] = [
    (piece) => send(one, "DEL", piece),
    (piece) => send(one, "SETRANGE", piece, "70000", "spoilt"),
    (piece) => send(one, "APPEND", piece, "more"),
    (piece) => send(one, "SET", piece, ""),
    async (piece) => {
      await send(one, "DEL", piece);
      await send(one, "RPUSH", piece, "a list");
    },
  ];
  for (const run of spoil) {
    await put(one.store, "key", large);
    const found = (await find(one.store, "key"))!;
    const third = (await keysOf(one, "body")).filter((piece) => piece.endsWith(":2"));
    for (const piece of third) await run(piece);
    const reader = new CollectingSink().read(found);
    const read = await reader.all();
    assert.equal(reader.outcome, "abort");
    assert.ok(read.equals(large.subarray(0, 65_536 + 2 * 131_072)));
    for (const piece of await keysOf(one, "")) await send(one, "DEL", piece);
    await find(one.store, "key");
  }
});

testRedis("what stands under the key of an answer and is none is a miss, and gives way to one", async (context) => {
  const one = await openStore(context, await startServer(context));
  await put(one.store, "key", Buffer.from("body"), createAnswer({ bodyBytes: 4, tags: ["a"] }));
  const [name] = await keysOf(one, "answer");
  const value = (await send(one, "GET", name!)) as Buffer;
  const replace = async (other: Buffer): Promise<void> => {
    await send(one, "SET", name!, other);
    const found = await find(one.store, "key");
    assert.equal(found, null, other.toString("latin1"));
  };
  await replace(Buffer.alloc(0));
  await replace(Buffer.from("garbage"));
  await replace(createBytes(500));
  await replace(Buffer.concat([value, Buffer.from("x")]));
  for (let length = 0; length < value.length; length += 7) await replace(value.subarray(0, length));
  for (let at = 37; at < value.length; at += 3) {
    const other = Buffer.from(value);
    other[at]! ^= 0x41;
    await replace(other);
  }
  for (const [command, ...rest] of [
    ["RPUSH", "x"],
    ["HSET", "a", "b"],
    ["ZADD", "1", "a"],
  ] as const) {
    await send(one, "DEL", name!);
    await send(one, command, name!, ...rest);
    assert.equal(await find(one.store, "key"), null, command);
  }
  await put(one.store, "key", Buffer.from("body"));
  assert.deepEqual(one.failures, [], "nothing of that is an outage");
  // The value of another key, which its owner would have to put there.
  await put(one.store, "other", Buffer.from("other"));
  const others = await Promise.all(((await keysOf(one, "answer")) ?? []).map((key) => send(one, "GET", key)));
  await replace(others.find((other) => (other as Buffer).includes("other")) as Buffer);
});

testRedis("a log of purges of the wrong type stores nothing and finds nothing", async (context) => {
  const one = await openStore(context, await startServer(context));
  await put(one.store, "key", large);
  await send(one, "SET", "test:cache:purges", "text");
  assert.equal(await find(one.store, "key"), null);
});

testRedis("an answer keeps its age where clocks differ", async (context) => {
  const server = await startServer(context);
  const [one, two] = [await openStore(context, server), await openStore(context, server)];
  one.clock.offsetMs = 3_600_000;
  const bornMs = one.clock.nowMs() - 10_000;
  const answer = createAnswer({ bornMs, freshUntilMs: bornMs + 60_000, bodyBytes: 4 });
  await put(one.store, "key", Buffer.from("body"), answer);
  assert.equal((await find(one.store, "key"))?.answer.bornMs, bornMs);
  const seen = (await find(two.store, "key"))!.answer;
  assert.equal(Math.round((two.clock.nowMs() - seen.bornMs) / 1_000), 10);
  assert.equal(Math.round(seen.freshUntilMs - seen.bornMs), 60_000);
});

testRedis("what nobody can use any more leaves the server by itself", async (context) => {
  const one = await openStore(context, await startServer(context));
  const nowMs = one.clock.nowMs();
  await put(one.store, "key", large, createAnswer({ bodyBytes: large.length, freshUntilMs: nowMs + 30_000 }));
  const [name] = await keysOf(one, "answer");
  const leftMs = Number(await send(one, "PTTL", name!));
  assert.ok(leftMs > 0 && leftMs <= 30_000);
  for (const piece of await keysOf(one, "body")) {
    const pieceMs = Number(await send(one, "PTTL", piece));
    assert.ok(pieceMs > 30_000 && pieceMs <= 90_000, "its pieces stay a little longer, for those who read them");
  }
  const etag = { fields: 'etag: "a"\r\n', bodyBytes: 4, freshUntilMs: nowMs };
  await put(one.store, "validated", Buffer.from("body"), createAnswer(etag));
  const draft = one.store.create("useless", createAnswer())!;
  draft.commit(createAnswer({ bodyBytes: 0, freshUntilMs: nowMs }));
  await one.settle();
  assert.equal(await find(one.store, "useless"), null);
});
