/** What is held for a peer that takes nothing: as many bytes as it is sent, whatever the pieces. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { Output } from "./output.ts";

/**
 * A socket that takes nothing. `heldBytes` counts memory that really is allocated; text is counted as the worst that it
 * may take, a pointer and a cell for each character.
 */
class StuckSocket {
  readonly destroyed = false;
  writableLength = 0;
  heldBytes = 0;
  content = "";

  write(data: string | Buffer): boolean {
    this.writableLength += data.length;
    this.heldBytes += typeof data === "string" ? data.length * 40 : data.buffer.byteLength;
    this.content += typeof data === "string" ? data : data.toString("latin1");
    return false;
  }

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
    const output = new Output(socket as unknown as Socket, { onWritable() {} });
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
