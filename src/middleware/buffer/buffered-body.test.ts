import assert from "node:assert/strict";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { test } from "node:test";
import { HeldMemory } from "../../base/held-memory.ts";
import { createRegion } from "../../base/shared-memory.ts";
import type { BodySink, RequestBody } from "../../http/body.ts";
import { Fields } from "../../http/fields.ts";
import { BufferedBody, type BufferListener } from "./buffered-body.ts";

const createHeld = (maxBytes = 16_000_000): HeldMemory =>
  new HeldMemory(createRegion(HeldMemory.byteLength(1)), 0, maxBytes);
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A source that the test drives, and what the body told. */
function createBody(limits: { maxRequestBytes: number; memoryBytes: number }, held = createHeld()) {
  let sink: BodySink | null = null;
  let resumed = 0;
  const source: RequestBody = {
    length: "unknown",
    isRepeatable: false,
    open: (one) => {
      sink = one;
      return {
        resume: () => {
          resumed++;
        },
        stop: () => {},
      };
    },
  };
  const told: string[] = [];
  const completion = Promise.withResolvers<void>();
  const listener: BufferListener = {
    onComplete: () => {
      told.push("complete");
      completion.resolve();
    },
    onTooLarge: () => {
      told.push("too large");
    },
    onAborted: (code) => {
      told.push(code);
    },
    onError: (error) => {
      told.push(error.message);
      completion.reject(error);
    },
  };
  const body = new BufferedBody(source, { limits, held, listener });
  body.fill();
  return {
    body,
    held,
    sink: sink as unknown as BodySink,
    told,
    completed: completion.promise,
    resumedCount: () => resumed,
  };
}

/** Takes a body; `patience` = so many pieces until it wants to be resumed. */
class Taker implements BodySink {
  readonly pieces: Buffer[] = [];
  readonly ended: Promise<string>;
  readonly #resolve: (trailers: string) => void;
  #patience: number;

  constructor(patience = Infinity) {
    this.#patience = patience;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.ended = promise;
    this.#resolve = resolve;
  }

  get text(): string {
    return Buffer.concat(this.pieces).toString("latin1");
  }

  data(chunk: Buffer): void {
    this.pieces.push(chunk);
  }

  flush(): boolean {
    return --this.#patience > 0;
  }

  end(trailers: Fields | null): boolean {
    this.#resolve(trailers?.text ?? "");
    return true;
  }

  abort(): void {}
}

const pattern = (length: number): string =>
  Array.from({ length }, (_, at) => String.fromCharCode(97 + (at % 26))).join("");

for (const [what, memoryBytes, length] of [
  ["in memory", 10_000, 5_000],
  ["exactly as much as memory takes", 5_000, 5_000],
  ["in memory and a file", 1_000, 300_000],
  ["in a file alone", 0, 70_000],
] as const) {
  test(`a body ${what} is given as it came, again and again`, async () => {
    const { body, sink, told, completed } = createBody({ maxRequestBytes: 1_000_000, memoryBytes });
    const text = pattern(length);
    // The memory of every piece is used for the next one as soon as it is given back.
    let memory = Buffer.alloc(777);
    for (let at = 0; at < length; at += 777) {
      const pieceLength = memory.write(text.slice(at, at + 777), "latin1");
      sink.data(memory.subarray(0, pieceLength));
      if (!sink.flush()) memory = Buffer.alloc(777);
    }
    if (sink.end(Fields.ofText("X-Sum: 1\r\n"))) memory.fill("!");
    await completed;
    assert.equal(body.byteLength, length);
    assert.equal(body.isInFile, length > memoryBytes);
    for (let time = 0; time < 3; time++) {
      const taker = new Taker();
      body.open(taker);
      assert.equal(await taker.ended, "X-Sum: 1\r\n");
      assert.ok(taker.text === text);
    }
    assert.deepEqual(told, ["complete"]);
    body.discard();
  });
}

test("whoever takes it slowly is given one piece at a time", async () => {
  const { body, sink, completed } = createBody({ maxRequestBytes: 1_000_000, memoryBytes: 3_000 });
  const text = pattern(200_000);
  sink.data(Buffer.from(text));
  sink.end(null);
  await completed;
  const taker = new Taker(1);
  body.open(taker);
  let isEnded = false;
  void taker.ended.then(() => {
    isEnded = true;
  });
  for (let before = -1; !isEnded; ) {
    assert.ok(taker.pieces.length <= before + 1 || before === -1, "no more than one piece without being asked");
    before = taker.pieces.length;
    body.resume();
    while (!isEnded && taker.pieces.length === before) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(taker.text === text);
  body.discard();
});

test("a new giving ends the one before, also while the file is read for that", async () => {
  const { body, sink, completed } = createBody({ maxRequestBytes: 1_000_000, memoryBytes: 10 });
  const text = pattern(150_000);
  sink.data(Buffer.from(text));
  sink.end(null);
  await completed;
  const first = new Taker();
  const second = new Taker();
  body.open(first);
  body.open(second);
  await second.ended;
  assert.ok(second.text === text);
  assert.equal(first.text, text.slice(0, 10));
  body.discard();
});

test("a byte too much is told once, and nothing after it", () => {
  const { sink, told } = createBody({ maxRequestBytes: 100, memoryBytes: 1_000 });
  sink.data(Buffer.alloc(100));
  assert.deepEqual(told, []);
  sink.data(Buffer.alloc(1));
  sink.data(Buffer.alloc(50));
  sink.end(null);
  assert.deepEqual(told, ["too large"]);
});

test("the source waits while the file is behind, and is resumed", async () => {
  const { body, sink, completed, resumedCount } = createBody({ maxRequestBytes: 10_000_000, memoryBytes: 0 });
  sink.data(Buffer.alloc(200_000));
  assert.equal(sink.flush(), true);
  sink.data(Buffer.alloc(200_000));
  assert.equal(sink.flush(), false);
  while (resumedCount() === 0) await nextTurn();
  sink.end(null);
  await completed;
  assert.equal(resumedCount(), 1);
  body.discard();
});

test("what is discarded tells and gives nothing any more", async () => {
  const { body, sink, told, completed } = createBody({ maxRequestBytes: 1_000_000, memoryBytes: 10 });
  sink.data(Buffer.alloc(100_000));
  sink.end(null);
  await completed;
  const taker = new Taker();
  body.open(taker);
  body.discard();
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(taker.text.length, 10);
  assert.deepEqual(told, ["complete"]);
});

test("a trickle of tiny chunks into a file is written in blocks, and holds a few of them", async (context) => {
  const writes = context.mock.method(fs, "write");
  syncBuiltinESMExports();
  context.after(() => {
    writes.mock.restore();
    syncBuiltinESMExports();
  });
  const { body, sink, held, completed } = createBody({ maxRequestBytes: 1_000_000, memoryBytes: 0 });
  const text = pattern(200_000);
  for (let at = 0; at < text.length; at++) {
    sink.data(Buffer.from(text[at]!));
    assert.equal(sink.flush(), true);
    if (at % 1_000 === 0) await nextTurn();
  }
  assert.ok(held.total <= 200_000 + 65_536, `${held.total} bytes are held`);
  sink.end(null);
  await completed;
  assert.ok(writes.mock.callCount() <= 10, `${writes.mock.callCount()} writes`);
  assert.equal(held.total, 0);
  const taker = new Taker();
  body.open(taker);
  await taker.ended;
  assert.ok(taker.text === text);
  body.discard();
});

test("if all bodies together hold as much as they may, bodies go to their files, a read at a time", async () => {
  const held = createHeld(100_000);
  held.take(99_500);
  const { body, sink, completed, resumedCount } = createBody({ maxRequestBytes: 1_000_000, memoryBytes: 50_000 }, held);
  const text = pattern(120_000);
  for (let at = 0; at < text.length; at += 40_000) {
    const before = resumedCount();
    sink.data(Buffer.from(text.slice(at, at + 40_000)));
    assert.equal(sink.flush(), false, "no more than one read is held");
    assert.ok(held.total < 99_500 + 3 * 65_536);
    while (resumedCount() === before) await nextTurn();
    assert.equal(held.total, 99_500, "and nothing once it is written");
  }
  sink.end(null);
  await completed;
  assert.equal(body.isInFile, true);
  const taker = new Taker();
  body.open(taker);
  await taker.ended;
  assert.ok(taker.text === text);
  body.discard();
});

for (const [what, memoryBytes] of [
  ["in memory", 1_000_000],
  ["on its way to a file", 1_000],
] as const) {
  test(`a body that is given up ${what} is counted no more`, async () => {
    const { body, sink, held } = createBody({ maxRequestBytes: 1_000_000, memoryBytes });
    sink.data(Buffer.alloc(150_000));
    sink.flush();
    assert.ok(held.total >= 150_000);
    body.discard();
    while (held.total !== 0) await nextTurn();
  });
}

test("a body that breaks off is told once, and not held any longer", () => {
  const { sink, told, held } = createBody({ maxRequestBytes: 1_000_000, memoryBytes: 1_000_000 });
  sink.data(Buffer.alloc(5_000));
  sink.abort("TRUNCATED_REQUEST");
  sink.end(null);
  assert.deepEqual([told, held.total], [["TRUNCATED_REQUEST"], 0]);
});
