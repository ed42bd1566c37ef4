/**
 * Messages are read where they lie, in memory that still holds what other peers sent before: a byte outside of what has
 * come must never count. Every message of the corpora, cut everywhere, is read alone and in between foreign bytes.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BodyReader } from "../../src/http1/syntax/body-reader.ts";
import { HeadReader } from "../../src/http1/syntax/head-reader.ts";
import { parsed, parseRequestHead } from "../../src/http1/syntax/request-parser.ts";
import { parsedResponse, parseResponseHead, strictRules } from "../../src/http1/syntax/response-parser.ts";
import { requestCorpus, responseCorpus } from "./corpus.ts";

const limits = { headBytes: 16_384, headFields: 100 };
const before = Buffer.from("GET /other HTTP/1.1\r\nHost: other\r\nContent-Length: 3\r\n\r\n", "latin1");

/** What may lie behind the bytes that have come. */
const tails = (rest: Buffer): Buffer[] =>
  [rest, "\r\n\r\n", "\n", ": x\r\n\r\n", " HTTP/1.1\r\n\r\n", "5\r\nother\r\n0\r\n\r\n", "0"].map((tail) =>
    typeof tail === "string" ? Buffer.from(tail, "latin1") : tail,
  );

/** Says what `read` makes of every beginning of `message`, alone and among foreign bytes. */
function compare(message: string, read: (bytes: Buffer, start: number, end: number) => unknown): void {
  const whole = Buffer.from(message, "latin1");
  for (let cut = 1; cut <= whole.length; cut++) {
    const alone = whole.subarray(0, cut);
    const expected = JSON.stringify(read(Buffer.from(alone), 0, cut));
    for (const tail of tails(whole.subarray(cut))) {
      const place = Buffer.concat([before, alone, tail]);
      const found = JSON.stringify(read(place, before.length, before.length + cut));
      if (found !== expected)
        assert.equal(found, expected, `${JSON.stringify(alone.toString("latin1"))} before ${tail}`);
    }
  }
}

test("request heads", () => {
  for (const message of requestCorpus)
    for (const isPeerTrusted of [false, true])
      compare(message, (bytes, start, end) => {
        parseRequestHead(bytes, start, end, limits, isPeerTrusted);
        const { head, failure, next } = parsed;
        return [head, failure, head === null || failure !== null ? -1 : next - start];
      });
});

test("request heads in two pieces", () => {
  for (const message of requestCorpus)
    compare(message, (bytes, start, end) => {
      const reader = new HeadReader(false);
      const first = reader.read(bytes, start, start + Math.ceil((end - start) / 2), limits);
      const second = first === -1 && reader.failure === null ? reader.read(bytes, start, end, limits) : null;
      return [first, second, reader.head, reader.failure];
    });
});

test("heads of answers", () => {
  for (const message of responseCorpus)
    for (const isLenient of [false, true])
      compare(message, (bytes, start, end) => {
        parseResponseHead(bytes, start, end, { ...strictRules, isLenient }, false);
        const { head, failure, detail } = parsedResponse;
        return [head, failure, failure === null ? "" : detail, head === null ? -1 : parsedResponse.next - start];
      });
});

test("bodies", () => {
  const bodies = [...requestCorpus, ...responseCorpus]
    .map((message) => message.slice(message.indexOf("\r\n\r\n") + 4))
    .filter((body) => body !== "");
  for (const body of new Set(bodies))
    for (const length of ["chunked", 5])
      compare(body, (bytes, start, end) => {
        const reader = new BodyReader("request");
        if (length === "chunked") reader.startChunked();
        else reader.startLength(5);
        let pieces = "";
        const stop = reader.read(Buffer.from(bytes), start, end, {
          onBodyPiece: (piece) => void (pieces += piece.toString("latin1")),
        });
        return [stop - start, pieces, reader.isOpen, reader.failure, reader.trailers];
      });
});
