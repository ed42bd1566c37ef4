/** What a read of a chunked body is handed on as: the same bytes whatever the chunks, in few pieces. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../base/random.ts";
import { BodyReader } from "./body-reader.ts";

/** `sizes` as chunks; byte N of the body is N modulo 251. */
function encode(sizes: readonly number[]): { coded: Buffer; body: Buffer } {
  const body = Buffer.from(Array.from({ length: sizes.reduce((sum, size) => sum + size, 0) }, (_, at) => at % 251));
  const parts: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    parts.push(Buffer.from(`${size.toString(16)}\r\n`), body.subarray(at, at + size), Buffer.from("\r\n"));
    at += size;
  }
  return { coded: Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]), body };
}

/**
 * Reads `coded` in reads of `readBytes`, each in memory of its own. @returns the pieces of each read, which nobody has
 * copied
 */
function readAll(coded: Buffer, readBytes: number): Buffer[][] {
  const reader = new BodyReader("request");
  reader.startChunked();
  const reads: Buffer[][] = [];
  for (let at = 0; at < coded.length; at += readBytes) {
    const bytes = Buffer.from(coded.subarray(at, at + readBytes));
    const pieces: Buffer[] = [];
    const next = reader.read(bytes, 0, bytes.length, { onBodyPiece: (piece) => void pieces.push(piece) });
    reads.push(pieces);
    assert.equal(next, bytes.length);
  }
  assert.equal(reader.failure, null);
  assert.equal(reader.isOpen, false);
  return reads;
}

const ones = (count: number): number[] => new Array<number>(count).fill(1);

for (const [what, sizes, mostPieces] of [
  ["one-byte chunks", ones(10_000), 1],
  ["chunks of 40 bytes", new Array<number>(1_000).fill(40), 1],
  ["one large chunk", [50_000], 1],
  ["large chunks", [20_000, 20_000, 20_000], 3],
  ["a tiny chunk behind each large one", [5_000, 1, 1, 5_000, 1], 2],
  ["chunks at the limit", [1_024, 1_024, 1_025, 1], 2],
] as const) {
  test(`${what} are handed on as ${mostPieces} in each read`, () => {
    const { coded, body } = encode(sizes);
    for (const pieces of readAll(coded, 65_536)) assert.ok(pieces.length <= mostPieces, `${pieces.length} pieces`);
    assert.deepEqual(Buffer.concat(readAll(coded, 65_536).flat()), body);
  });
}

test("whatever the chunks and the reads, the body is the same and the pieces are few", () => {
  const random = seededRandom(7);
  for (let round = 0; round < 300; round++) {
    const sizes = Array.from({ length: 1 + Math.floor(random() * 60) }, () => 1 + Math.floor(random() ** 6 * 4_000));
    const { coded, body } = encode(sizes);
    const reads = readAll(coded, 1 + Math.floor(random() * 6_000));
    assert.deepEqual(Buffer.concat(reads.flat()), body, `round ${round}`);
    for (const pieces of reads)
      assert.ok(pieces.length <= Buffer.concat(pieces).length / 1_024 + 2, `${pieces.length} pieces`);
  }
});

test("what came before a broken chunk is handed on", () => {
  const reader = new BodyReader("request");
  reader.startChunked();
  const pieces: string[] = [];
  const bytes = Buffer.from("1\r\na\r\n1\r\nb\r\nx");
  reader.read(bytes, 0, bytes.length, { onBodyPiece: (piece) => void pieces.push(piece.toString()) });
  assert.deepEqual([pieces, reader.failure], [["ab"], "BAD_CHUNK"]);
});
