import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type LogAccount, LogQueue } from "./log-queue.ts";

/** Writes `byteCount` bytes of what waits. @returns them */
function write(queue: LogQueue, byteCount: number): string {
  let text = "";
  for (let left = byteCount; left > 0 && !queue.isEmpty; ) {
    const bytes = queue.take();
    const end = Math.min(bytes.length, queue.offset + left);
    text += bytes.toString("latin1", queue.offset, end);
    left -= end - queue.offset;
    queue.offset = end;
    if (end === bytes.length) queue.finish();
  }
  return text;
}

const step = fc.oneof(
  fc.record({ kind: fc.constant("add" as const), lengths: fc.array(fc.nat(30), { minLength: 1, maxLength: 4 }) }),
  fc.record({ kind: fc.constant("write" as const), byteCount: fc.nat(120) }),
  fc.constant({ kind: "loseAll" as const }),
  fc.constant({ kind: "loseOld" as const }),
  fc.constant({ kind: "mark" as const }),
);

test("whatever is written and lost in between, whole lines come out in order, and every line is either written or counted as lost", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const queue = new LogQueue(400);
      const account: LogAccount = { lost: 0 };
      let number = 0;
      let broken = 0;
      let text = "";
      for (const one of steps) {
        switch (one.kind) {
          case "add":
            queue.add(
              one.lengths.map((length) => `<${number++} ${"x".repeat(length)}>\n`).join(""),
              one.lengths.length,
              account,
            );
            break;
          case "write":
            text += write(queue, one.byteCount);
            break;
          case "loseOld":
            queue.loseUntil(performance.now());
            break;
          case "mark":
            queue.mark();
            break;
          case "loseAll":
            queue.loseUntil(Infinity);
            // The destination is another from here on.
            if (text !== "" && !text.endsWith("\n")) {
              text += "~\n";
              broken++;
            }
        }
      }
      text += write(queue, Infinity);
      const lines = text.split("\n").slice(0, -1);
      const whole = lines.filter((line) => /^<\d+ x*>$/.test(line));
      assert.equal(lines.length - whole.length, broken);
      assert.equal(whole.length + account.lost, number);
      const numbers = whole.map((line) => Number(/\d+/.exec(line)));
      assert.deepEqual(
        numbers,
        [...numbers].sort((a, b) => a - b),
      );
    }),
    { numRuns: 500 },
  );
});

test("a line whose beginning is elsewhere is dropped, those behind it are not", () => {
  const queue = new LogQueue(1_000);
  const account: LogAccount = { lost: 0 };
  queue.add("one\ntwo\n", 2, account);
  queue.add("three\n", 1, account);
  assert.equal(write(queue, 2), "on");
  queue.dropHalfLine();
  assert.equal(account.lost, 1);
  assert.equal(write(queue, Infinity), "two\nthree\n");
});
