/**
 * However the bytes are cut, the parsers say the same: mutated chunked bodies and heads, read whole and read in random
 * pieces. No sockets, so many more cases than over the wire (MILLRACE_FUZZ_SECONDS, MILLRACE_FUZZ_SEED).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type BodySide, ChunkedDecoder, ChunkEvent } from "../../src/http1/syntax/chunked-decoder.ts";
import { HeadReader } from "../../src/http1/syntax/head-reader.ts";
import { fuzzSeed, fuzzTimeMs, mutate, Randomness } from "../support/mutator.ts";
import { requestCorpus } from "../wire/corpus.ts";

/** Random pieces of `bytes`, none empty. */
function pieces(bytes: Buffer, random: Randomness): Buffer[] {
  const cut: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + random.below(random.below(3) === 0 ? 2 : 40);
    cut.push(bytes.subarray(at, at + size));
    at += size;
  }
  return cut;
}

/** What a decoder makes of a body that comes in these pieces: the data, and how and where it ended. */
function decode(parts: readonly Buffer[], side: BodySide): { data: string; outcome: string } {
  const decoder = new ChunkedDecoder(side);
  decoder.reset();
  let data = "";
  let consumed = 0;
  for (const part of parts) {
    let at = 0;
    for (;;) {
      at = decoder.next(part, at, part.length);
      assert.ok(at >= 0 && at <= part.length, "the offset lies in the piece");
      if (decoder.event === ChunkEvent.data) data += part.toString("latin1", decoder.dataStart, decoder.dataEnd);
      else break;
    }
    if (decoder.event === ChunkEvent.end)
      return { data, outcome: `end at ${consumed + at}, trailers ${JSON.stringify(decoder.trailers)}` };
    if (decoder.event !== ChunkEvent.needMore) return { data, outcome: "broken" };
    assert.equal(at, part.length, "what needs more has consumed all");
    consumed += part.length;
  }
  return { data, outcome: "open" };
}

/** What a head reader makes of a head that comes in these pieces. */
function readHead(parts: readonly Buffer[]): string {
  const reader = new HeadReader(false);
  let unread = Buffer.alloc(0);
  for (const part of parts) {
    unread = Buffer.concat([unread, part]);
    const size = reader.read(unread, 0, unread.length, { headBytes: 16_384, headFields: 100 });
    if (reader.failure !== null) return "broken";
    if (size === -1) continue;
    const head = reader.head;
    assert.ok(head !== null && size <= unread.length);
    return JSON.stringify([
      size,
      head.method,
      head.target,
      head.authority,
      head.framing,
      head.contentLength,
      head.isKeptAlive,
      head.upgrade,
      head.keptFields,
    ]);
  }
  return "open";
}

const bodies = requestCorpus
  .filter((request) => /chunked/i.test(request) && request.includes("\r\n\r\n"))
  .map((request) => request.slice(request.indexOf("\r\n\r\n") + 4))
  .filter((body) => body !== "");

test("a chunked body means the same however it is cut", (context) => {
  const seed = fuzzSeed(20_261_125);
  const random = new Randomness(seed);
  const until = performance.now() + fuzzTimeMs(1_500);
  let count = 0;
  for (; performance.now() < until; count++) {
    const text = `${mutate(random.pick(bodies), random, bodies)}${random.below(2) === 0 ? "" : "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"}`;
    const bytes = Buffer.from(text, "latin1");
    const side = random.pick<BodySide>(["request", "answer", "lenientAnswer"]);
    const whole = decode([bytes], side);
    const cut = pieces(bytes, random);
    const inPieces = decode(cut, side);
    const told = `seed ${seed}: ${JSON.stringify(cut.map((part) => part.toString("latin1")))}`;
    // That a trailer line is broken may be found out only when its end has come.
    if (whole.outcome === "broken" && inPieces.outcome === "open")
      assert.match(text, /(?:^|\n)0+[ \t]*(?:;[^\r\n]*)?\r\n(?:[^\n]*\n)*[^\n]+$/, told);
    else assert.equal(inPieces.outcome, whole.outcome, told);
    assert.equal(inPieces.data, whole.data, told);
  }
  context.diagnostic(`${count} bodies from seed ${seed}`);
});

test("a head means the same however it is cut", (context) => {
  const seed = fuzzSeed(20_261_126);
  const random = new Randomness(seed);
  const until = performance.now() + fuzzTimeMs(1_500);
  let count = 0;
  for (; performance.now() < until; count++) {
    const bytes = Buffer.from(mutate(random.pick(requestCorpus), random, requestCorpus), "latin1");
    const cut = pieces(bytes, random);
    const whole = readHead([bytes]);
    const inPieces = readHead(cut);
    // That a line is broken may be found out only when its end has come.
    if (whole === "broken" && inPieces === "open" && !bytes.toString("latin1").endsWith("\r\n")) continue;
    assert.equal(inPieces, whole, `seed ${seed}: ${JSON.stringify(cut.map((part) => part.toString("latin1")))}`);
  }
  context.diagnostic(`${count} heads from seed ${seed}`);
});
