import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldMemory } from "../base/held-memory.ts";
import { createRegion } from "../base/shared-memory.ts";
import type { BodySink, BodySource, RequestBody } from "../http/body.ts";
import { Fields } from "../http/fields.ts";
import { ReplayBody } from "./replay-body.ts";

class Source implements RequestBody, BodySource {
  readonly length = "unknown";
  readonly isRepeatable = false;
  sink: BodySink | null = null;
  resumed = 0;
  open(sink: BodySink): BodySource {
    this.sink = sink;
    return this;
  }
  resume(): void {
    this.resumed++;
  }
  stop(): void {}
  /** One read of the client's. @returns whether more may come */
  give(...texts: string[]): boolean {
    for (const text of texts) this.sink!.data(Buffer.from(text));
    return this.sink!.flush();
  }
}

class Target implements BodySink {
  text = "";
  trailers: string | null = null;
  aborted: string | null = null;
  isWritable = true;
  data(chunk: Buffer): void {
    this.text += chunk.toString();
  }
  flush(): boolean {
    return this.isWritable;
  }
  end(trailers: Fields | null): boolean {
    this.trailers = trailers?.text ?? "";
    return this.isWritable;
  }
  abort(code: string): void {
    this.aborted = code;
  }
}

const createHeld = (maxBytes = 1_000_000): HeldMemory =>
  new HeldMemory(createRegion(HeldMemory.byteLength(1)), 0, maxBytes);

function start(isKeeping: boolean, held = createHeld()): { source: Source; body: ReplayBody; first: Target } {
  const source = new Source();
  const body = new ReplayBody(source, isKeeping ? held : null);
  const first = new Target();
  body.attach(first);
  return { source, body, first };
}

test("a small body is given to the next attempt from its first byte, and goes on", () => {
  const { source, body, first } = start(true);
  assert.equal(source.give("ab", "c"), true);
  body.detach();
  assert.equal(source.give("d"), false, "nobody takes it for now");
  const second = new Target();
  assert.equal(body.isReplayable, true);
  body.attach(second);
  assert.equal(source.resumed, 1);
  source.give("e");
  source.sink!.end(Fields.ofText("X: 1\r\n"));
  assert.deepEqual([first.text, second.text, second.trailers], ["abc", "abcde", "X: 1\r\n"]);
  const third = new Target();
  body.attach(third);
  assert.deepEqual([third.text, third.trailers], ["abcde", "X: 1\r\n"]);
});

test("a body that has outgrown the limit cannot be given again", () => {
  const { source, body } = start(true);
  source.give("x".repeat(65_536));
  assert.equal(body.isReplayable, true);
  source.give("y");
  assert.equal(body.isReplayable, false);
});

test("what comes between two attempts is never lost, however much it is", () => {
  const { source, body } = start(true);
  source.give("x".repeat(60_000));
  body.detach();
  source.give("y".repeat(40_000));
  assert.equal(body.isReplayable, true, "the retry has been decided");
  const second = new Target();
  body.attach(second);
  source.give("z");
  assert.equal(second.text, `${"x".repeat(60_000)}${"y".repeat(40_000)}z`);
  assert.equal(body.isReplayable, false, "but there is no third time");
});

test("a body that is not kept can be given once", () => {
  assert.equal(new ReplayBody(new Source(), null).isReplayable, true, "not begun yet");
  const { source, body, first } = start(false);
  source.give("a");
  assert.equal(body.isReplayable, false);
  assert.equal(first.text, "a");
});

test("a slow target holds the source back", () => {
  const { source, body, first } = start(true);
  first.isWritable = false;
  assert.equal(source.give("a"), false);
  body.detach();
  const second = new Target();
  second.isWritable = false;
  body.attach(second);
  assert.equal(source.resumed, 0, "the next one is slow as well");
});

test("what is kept is counted until the exchange is over", () => {
  const held = createHeld();
  const { source, body } = start(true, held);
  for (let count = 0; count < 10_000; count++) source.give("x");
  assert.ok(held.total >= 10_000 && held.total <= 20_000, `${held.total}`);
  body.release();
  assert.equal(held.total, 0);
  source.give("y");
  assert.deepEqual([held.total, body.isReplayable], [0, false]);
});

test("if all bodies together hold as much as they may, a body passes without being kept", () => {
  const held = createHeld(10_000);
  held.take(9_000);
  const { source, body, first } = start(true, held);
  source.give("abc");
  assert.deepEqual([first.text, body.isReplayable, held.total], ["abc", false, 9_000]);
});

test("but what comes between two attempts is not lost even then", () => {
  const held = createHeld(10_000);
  const { source, body } = start(true, held);
  source.give("abc");
  held.take(5_000);
  body.detach();
  source.give("d".repeat(8_000));
  const second = new Target();
  body.attach(second);
  assert.equal(second.text.length, 8_003);
  body.release();
  assert.equal(held.total, 5_000);
});

test("a body that breaks off breaks off at its target, is kept no more, and cannot be given again", () => {
  const held = createHeld();
  const { source, body, first } = start(true, held);
  source.give("abc");
  source.sink!.abort("TRUNCATED_REQUEST");
  assert.deepEqual([first.aborted, first.trailers, held.total], ["TRUNCATED_REQUEST", null, 0]);
  assert.equal(body.isReplayable, false);
});

test("a body that breaks off between two attempts breaks off at the next one", () => {
  const { source, body, first } = start(true);
  source.give("abc");
  body.detach();
  source.sink!.abort("BODY_TIMEOUT");
  const second = new Target();
  body.attach(second);
  assert.deepEqual([first.aborted, second.text, second.aborted], [null, "", "BODY_TIMEOUT"]);
});
