import assert from "node:assert/strict";
import { test } from "node:test";
import type { BodySink, BodySource } from "../../http/exchange.ts";
import { BufferedBody } from "./buffered-body.ts";
import { MemoryPart } from "./memory-part.ts";

/** A source that the test drives, and what the body told. */
function createBody(limits: { maxRequestBytes: number; memoryBytes: number }) {
  let sink: BodySink | null = null;
  let resumed = 0;
  const source: BodySource = { startBody: (one) => { sink = one; }, resumeBody: () => { resumed++; } };
  const told: string[] = [];
  const completion = Promise.withResolvers<void>();
  const body = new BufferedBody(source, limits, {
    onComplete: () => { told.push("complete"); completion.resolve(); },
    onTooLarge: () => { told.push("too large"); },
    onError: (error) => { told.push(error.message); completion.reject(error); },
  });
  body.fill();
  return { body, sink: sink as unknown as BodySink, told, completed: completion.promise, resumedCount: () => resumed };
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

  onBodyData(chunk: Buffer): void {
    this.pieces.push(chunk);
  }

  onBodyFlush(): boolean {
    return --this.#patience > 0;
  }

  onBodyEnd(trailers: string): boolean {
    this.#resolve(trailers);
    return true;
  }
}

const pattern = (length: number): string => Array.from({ length }, (_, at) => String.fromCharCode(97 + (at % 26))).join("");

for (const [what, memoryBytes, length] of [["in memory", 10_000, 5_000], ["exactly as much as memory takes", 5_000, 5_000], ["in memory and a file", 1_000, 300_000], ["in a file alone", 0, 70_000]] as const) {
  test(`a body ${what} is given as it came, again and again`, async () => {
    const { body, sink, told, completed } = createBody({ maxRequestBytes: 1_000_000, memoryBytes });
    const text = pattern(length);
    // The memory of every piece is used for the next one as soon as it is given back.
    let memory = Buffer.alloc(777);
    for (let at = 0; at < length; at += 777) {
      const pieceLength = memory.write(text.slice(at, at + 777), "latin1");
      sink.onBodyData(memory.subarray(0, pieceLength));
      if (!sink.onBodyFlush()) memory = Buffer.alloc(777);
    }
    if (sink.onBodyEnd("X-Sum: 1\r\n")) memory.fill("!");
    await completed;
    assert.equal(body.byteLength, length);
    assert.equal(body.isInFile, length > memoryBytes);
    for (let time = 0; time < 3; time++) {
      const taker = new Taker();
      body.startBody(taker);
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
  sink.onBodyData(Buffer.from(text));
  sink.onBodyEnd("");
  await completed;
  const taker = new Taker(1);
  body.startBody(taker);
  let isEnded = false;
  void taker.ended.then(() => { isEnded = true; });
  for (let before = -1; !isEnded; ) {
    assert.ok(taker.pieces.length <= before + 1 || before === -1, "no more than one piece without being asked");
    before = taker.pieces.length;
    body.resumeBody();
    while (!isEnded && taker.pieces.length === before) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(taker.text === text);
  body.discard();
});

test("a new giving ends the one before, also while the file is read for that", async () => {
  const { body, sink, completed } = createBody({ maxRequestBytes: 1_000_000, memoryBytes: 10 });
  const text = pattern(150_000);
  sink.onBodyData(Buffer.from(text));
  sink.onBodyEnd("");
  await completed;
  const first = new Taker();
  const second = new Taker();
  body.startBody(first);
  body.startBody(second);
  await second.ended;
  assert.ok(second.text === text);
  assert.equal(first.text, text.slice(0, 10));
  body.discard();
});

test("a byte too much is told once, and nothing after it", () => {
  const { sink, told } = createBody({ maxRequestBytes: 100, memoryBytes: 1_000 });
  sink.onBodyData(Buffer.alloc(100));
  assert.deepEqual(told, []);
  sink.onBodyData(Buffer.alloc(1));
  sink.onBodyData(Buffer.alloc(50));
  sink.onBodyEnd("");
  assert.deepEqual(told, ["too large"]);
});

test("the source waits while the file is behind, and is resumed", async () => {
  const { body, sink, completed, resumedCount } = createBody({ maxRequestBytes: 10_000_000, memoryBytes: 0 });
  sink.onBodyData(Buffer.alloc(200_000));
  assert.equal(sink.onBodyFlush(), true);
  sink.onBodyData(Buffer.alloc(200_000));
  assert.equal(sink.onBodyFlush(), false);
  while (resumedCount() === 0) await new Promise((resolve) => setImmediate(resolve));
  sink.onBodyEnd("");
  await completed;
  assert.equal(resumedCount(), 1);
  body.discard();
});

test("what is discarded tells and gives nothing any more", async () => {
  const { body, sink, told, completed } = createBody({ maxRequestBytes: 1_000_000, memoryBytes: 10 });
  sink.onBodyData(Buffer.alloc(100_000));
  sink.onBodyEnd("");
  await completed;
  const taker = new Taker();
  body.startBody(taker);
  body.discard();
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(taker.text.length, 10);
  assert.deepEqual(told, ["complete"]);
});

test("tiny chunks cost their bytes, not the buffers they came in", () => {
  const memory = new MemoryPart();
  const large = Buffer.alloc(65_536, "x");
  for (let count = 0; count < 20_000; count++) memory.append(large.subarray(count, count + 1));
  memory.finish();
  assert.equal(Buffer.concat(memory.blocks).length, 20_000);
  assert.ok(memory.blocks.reduce((sum, block) => sum + block.buffer.byteLength, 0) < 50_000);
});
