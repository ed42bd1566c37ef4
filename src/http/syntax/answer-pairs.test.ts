/**
 * An answer means the same whichever protocol it comes by: read from HTTP/1.1 text and read from pairs it gives the same
 * head, or the same refusal.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parsedResponse, parseResponseHead, strictRules } from "../../http1/syntax/response-parser.ts";
import { Fields } from "../fields.ts";
import type { ResponseHead } from "../message.ts";
import { type AnswerPairsContext, type AnswerRefusal, readAnswerPairs } from "./answer-pairs.ts";
import { hasContent } from "./answer-reading.ts";
import { travellingTrailers } from "./trailer-fields.ts";
import { readTrailerPairs } from "./trailer-pairs.ts";

interface Answer {
  readonly status: number;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly isHeadMethod: boolean;
  readonly hasBody: boolean;
}

const limits = { maxBytes: 4_096, maxFields: 40 };
const hasLength = ({ fields }: Answer): boolean => fields.some(([name]) => name === "content-length");

function readText(answer: Answer, padding: string): ResponseHead | AnswerRefusal {
  const { status, fields, isHeadMethod, hasBody } = answer;
  const lines = fields.map(([name, value]) => `${name}:${padding}${value}${padding}\r\n`);
  if (hasContent(status, isHeadMethod) && !hasLength(answer))
    lines.push(hasBody ? "Transfer-Encoding: chunked\r\n" : "Content-Length: 0\r\n");
  const bytes = Buffer.from(`HTTP/1.1 ${status} Odd\r\n${lines.join("")}\r\n`, "latin1");
  parseResponseHead(bytes, 0, bytes.length, strictRules, isHeadMethod);
  const { failure, detail, head } = parsedResponse;
  return failure === null ? head! : { code: failure, detail };
}

function readPairs(answer: Answer): ResponseHead | AnswerRefusal {
  const { status, fields, isHeadMethod, hasBody } = answer;
  return readAnswerPairs([":status", `${status}`, ...fields.flat()], {
    ...limits,
    isHeadMethod,
    tunnel: null,
    hasBody: hasBody || hasLength(answer) || status < 200,
  });
}

/** What everybody behind the parsers goes by, but what HTTP/1.1 says of its connection. */
function meaningOf(read: ResponseHead | AnswerRefusal): unknown {
  if ("detail" in read) return read;
  const { text: _text, fieldsStart: _start, reasonPhrase: _phrase, keptFields, ...rest } = read;
  const { isKeptAlive: _kept, withholdsContent: _withheld, ...meant } = rest;
  const fields = Fields.ofText(keptFields);
  const names = new Set(fields.pairs.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase()));
  const asked = ["server", "set-cookie", "via", "date", "www-authenticate"].map((name) => read.field(name));
  return {
    ...meant,
    body: read.body,
    declaredLength: read.declaredLength,
    tunnel: read.tunnel,
    kept: [...names].sort().map((name) => [name, fields.value(name)]),
    asked,
  };
}

const name = fc.constantFrom(
  ...["server", "set-cookie", "x-a", "x_a", "date", "content-length", "content_length", "www-authenticate", "etag"],
  ...["proxy-authenticate", "proxy-support", "persistent-auth", "authentication-info", "proxy-authentication-info"],
  ...["trailer", "te", "via", "host", "x-forwarded-for", "x-real-ip", "proxy", "expect", "x b", "", "cdn-loop"],
);
const value = fc.oneof(
  fc.constantFrom("", "a", "5", "0", "05", "5, 5", "5, 6", "-1", "NTLM TlRMTVNT", "Negotiate", "Basic realm=x", "\x01"),
  fc.constantFrom(
    "x-a, digest, content-length",
    "etag",
    "true",
    "False",
    "\xe9",
    "a\tb",
    "Session-Based-Authentication",
  ),
);
const answers: fc.Arbitrary<Answer> = fc.record({
  status: fc.constantFrom(200, 200, 200, 204, 206, 304, 401, 407, 426, 500, 103),
  fields: fc.array(fc.tuple(name, value), { maxLength: 6 }),
  isHeadMethod: fc.boolean(),
  hasBody: fc.boolean(),
});

test("an answer of HTTP/1.1 text and the same answer of pairs mean the same, or are refused for the same reason", () => {
  let understood = 0;
  fc.assert(
    fc.property(answers, fc.constantFrom("", " ", "\t "), (one, padding) => {
      const read = readPairs(one);
      if (!("detail" in read)) understood++;
      assert.deepEqual(meaningOf(read), meaningOf(readText(one, padding)));
    }),
    { numRuns: 5_000 },
  );
  assert.ok(understood > 500, `${understood} of 5000 were understood`);
});

const context: AnswerPairsContext = { ...limits, isHeadMethod: false, tunnel: null, hasBody: true };

test("what is malformed with pseudo-fields alone is refused", () => {
  const plain = [":status", "200"];
  const table: [pairs: readonly string[], detail: string, more?: Partial<AnswerPairsContext>][] = [
    [[], "bad status code"],
    [["server", "x"], "bad status code"],
    [["server", "x", ...plain], "bad status code"],
    [[":status", "20"], "bad status code"],
    [[":status", "099"], "bad status code"],
    [[":status", "600"], "bad status code"],
    [[":status", "200 "], "bad status code"],
    [[...plain, ":status", "200"], "bad field"],
    [[...plain, ":path", "/"], "bad field"],
    [[":status", "101"], "bad interim answer"],
    [[":status", "103"], "bad interim answer", { hasBody: false }],
    [[...plain, "Server", "x"], "bad field"],
    [[...plain, "server", " x"], "bad field"],
    [[...plain, "server", "x\r\ny: z"], "bad field"],
    [[...plain, "server", "\u0100"], "bad field"],
    [[...plain, "connection", "close"], "a field of a connection"],
    [[...plain, "keep-alive", "timeout=5"], "a field of a connection"],
    [[...plain, "proxy-connection", "close"], "a field of a connection"],
    [[...plain, "transfer-encoding", "chunked"], "a field of a connection"],
    [[...plain, "upgrade", "websocket"], "a field of a connection"],
    [[...plain, "content-length", "5"], "a body that is shorter than its length", { hasBody: false }],
    [[...plain, "content-length", "5", "content-length", "6"], "bad Content-Length"],
    [[...plain, "x-a", "y".repeat(limits.maxBytes)], "too large"],
    [[...plain, ...Array.from({ length: 2 * limits.maxFields + 2 }, () => "x")], "too many fields"],
  ];
  for (const [pairs, detail, more = {}] of table) {
    const read = readAnswerPairs(pairs, { ...context, ...more });
    assert.deepEqual("detail" in read ? read.detail : read.status, detail, JSON.stringify(pairs).slice(0, 200));
  }
});

test("a body without a length has an end that only its protocol tells; without a body there are no bytes", () => {
  const lengthOf = (status: number, pairs: readonly string[], more: Partial<AnswerPairsContext> = {}): unknown => {
    const head = readAnswerPairs([":status", `${status}`, ...pairs], { ...context, ...more });
    return "detail" in head ? head.detail : [head.body, head.declaredLength];
  };
  assert.deepEqual(lengthOf(200, []), ["unknown", null]);
  assert.deepEqual(lengthOf(200, [], { hasBody: false }), [0, 0]);
  assert.deepEqual(lengthOf(200, ["content-length", "3"]), [3, 3]);
  assert.deepEqual(lengthOf(200, ["content-length", "3"], { isHeadMethod: true, hasBody: false }), [0, 3]);
  assert.deepEqual(lengthOf(304, ["content-length", "3"], { hasBody: false }), [0, 3]);
  assert.deepEqual(lengthOf(204, ["content-length", "3"], { hasBody: false }), [0, null]);
});

test("success is the switch to the tunnel that was asked for, anything else is an answer", () => {
  const read = (status: string, tunnel: string | null): unknown => {
    const head = readAnswerPairs([":status", status, "server", "x"], { ...context, tunnel });
    return "detail" in head ? head.detail : [head.status, head.tunnel, head.body, head.keptFields];
  };
  assert.deepEqual(read("200", "websocket"), [101, "websocket", 0, "server: x\r\n"]);
  assert.deepEqual(read("403", "websocket"), [403, null, "unknown", "server: x\r\n"]);
  assert.deepEqual(read("200", null), [200, null, "unknown", "server: x\r\n"]);
});

test("the same trailers travel, whichever protocol they come by", () => {
  const fields = fc.array(
    fc.tuple(
      fc.constantFrom("x-a", "etag", "grpc-status", "set-cookie", "content-length", "content-digest", "x_host", "date"),
      fc.constantFrom("", "0", "a b"),
    ),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(fields, (trailers) => {
      const section = trailers.map(([key, text]) => `${key}: ${text}\r\n`).join("");
      const read = readTrailerPairs(trailers.flat(), limits);
      assert.ok(typeof read !== "string");
      assert.equal(read?.text ?? "", travellingTrailers(section));
    }),
  );
  for (const pairs of [
    [":status", "200"],
    ["connection", "x-a"],
    ["X-A", "1"],
    ["x-a", "1\n"],
    ["te", "\x7f"],
  ])
    assert.equal(readTrailerPairs(pairs, limits), "bad field", JSON.stringify(pairs));
});
