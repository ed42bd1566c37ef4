/** What is held for a peer that takes nothing: as many bytes as it is sent, whatever the pieces. */
import assert from "node:assert/strict";
import type { KernelSocket } from "./kernel-socket.ts";
import { test } from "node:test";
import { Output } from "./output.ts";

/**
 * A socket that takes nothing. `heldBytes` counts memory that really is allocated; text is counted as the worst that it
 * may take, a pointer and a cell for each character.
 */
class StuckSocket {
  readonly isDestroyed = false;
  unsentBytes = 0;
  heldBytes = 0;
  content = "";

  writeText(text: string): void {
    this.unsentBytes += text.length;
    this.heldBytes += text.length * 40;
    this.content += text;
  }

  writeBytes(bytes: Buffer): void {
    this.unsentBytes += bytes.length;
    this.heldBytes += bytes.buffer.byteLength;
    this.content += bytes.toString("latin1");
  }

  awaitSent(): void {}

  cork(): void {}
  uncork(): void {}
}

for (const [what, pieceBytes, count, isFlushed] of [
  ["one-byte pieces", 1, 60_000, false],
  ["pieces of 100 bytes, each flushed", 100, 1_000, true],
  ["pieces of 1,500 bytes, each flushed", 1_500, 300, true],
  ["pieces of 1,500 bytes", 1_500, 300, false],
  ["pieces of 40,000 bytes", 40_000, 20, false],
] as const) {
  test(`${what} take not much more than their bytes while they wait`, () => {
    const socket = new StuckSocket();
    const output = new Output(socket as unknown as KernelSocket, { onWritable() {} });
    // The first write is what the kernel refuses; behind it all the rest waits.
    output.bytes(Buffer.alloc(40_000, "f"));
    output.flush();
    const before = socket.heldBytes;
    let expected = "";
    for (let at = 0; at < count; at++) {
      const piece = Buffer.alloc(pieceBytes, 97 + (at % 26));
      output.text(`${pieceBytes.toString(16)}\r\n`);
      output.bytes(piece);
      output.text("\r\n");
      expected += `${pieceBytes.toString(16)}\r\n${piece.toString("latin1")}\r\n`;
      if (isFlushed) output.flush();
    }
    output.flush();
    assert.equal(socket.content.slice(40_000), expected);
    const held = socket.heldBytes - before;
    assert.ok(held <= 2.1 * expected.length, `${held} bytes for ${expected.length}`);
  });
}

/** A socket that takes everything at once, apart from what is written between `cork` and `uncork`. */
class CorkedSocket {
  readonly isDestroyed = false;
  readonly unsentBytes = 0;
  content = "";
  #pieces: (string | Buffer)[] | null = null;

  writeText(text: string): void {
    this.#write(text);
  }

  writeBytes(bytes: Buffer): void {
    this.#write(bytes);
  }

  #write(piece: string | Buffer): void {
    if (this.#pieces === null) this.content += piece.toString("latin1");
    else this.#pieces.push(piece);
  }

  cork(): void {
    this.#pieces ??= [];
  }

  uncork(): void {
    const pieces = this.#pieces!;
    this.#pieces = null;
    for (const piece of pieces) this.#write(piece);
  }
}

test("a block that waits for a vectored write is not filled anew, whoever writes meanwhile", () => {
  const [mine, others] = [new CorkedSocket(), new CorkedSocket()];
  const output = new Output(mine as unknown as KernelSocket, { onWritable() {} });
  const other = new Output(others as unknown as KernelSocket, { onWritable() {} });
  let expected = "";
  for (const [at, size] of [2_000, 40_000, 3_000, 40_000, 20_000, 20_000, 500].entries()) {
    const piece = Buffer.alloc(size, 97 + at);
    output.bytes(piece);
    expected += piece.toString("latin1");
    other.bytes(Buffer.alloc(5_000, "X"));
    other.flush();
  }
  output.flush();
  assert.ok(mine.content === expected);
});
