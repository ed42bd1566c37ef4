/**
 * A message means the same whichever protocol it comes by: read from HTTP/1.1 text and read from pairs it gives the
 * same head, or the same refusal.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parsed, parseRequestHead } from "../../http1/syntax/request-parser.ts";
import { Fields } from "../fields.ts";
import type { RequestHead } from "../message.ts";
import type { ReasonCode } from "../reason.ts";
import { type PairsContext, readRequestPairs } from "./request-pairs.ts";

interface Message {
  readonly method: string;
  readonly target: string;
  readonly authority: string | null;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: "none" | "unknown";
  readonly protocol: string | null;
  readonly isPeerTrusted: boolean;
}

const maxFields = 40;
const maxBytes = 4_096;

function readText({ method, target, authority, fields, body, protocol, isPeerTrusted }: Message, padding: string) {
  const lines = fields.map(([name, value]) => `${name}:${padding}${value}${padding}\r\n`);
  if (authority !== null) lines.unshift(`Host: ${authority}\r\n`);
  if (body === "unknown") lines.push("Transfer-Encoding: chunked\r\n");
  if (protocol !== null) lines.push(`Connection: upgrade\r\nUpgrade: ${protocol}\r\n`);
  const bytes = Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1");
  parseRequestHead(bytes, 0, bytes.length, { headBytes: 65_536, headFields: 200 }, isPeerTrusted);
  return parsed.failure ?? parsed.head!;
}

function readPairs({ method, target, authority, fields, body, protocol, isPeerTrusted }: Message) {
  const pseudo = [":method", protocol === null ? method : "CONNECT", ":scheme", "http", ":path", target];
  if (authority !== null) pseudo.push(":authority", authority);
  if (protocol !== null) pseudo.push(":protocol", protocol);
  const hasBody = body === "unknown" || fields.some(([name]) => name === "content-length");
  const pairs = [...pseudo, ...fields.flat()];
  return readRequestPairs(pairs, { maxBytes, maxFields, isPeerTrusted, hasBody });
}

/** What everybody behind the parsers goes by. */
function meaningOf(read: RequestHead | ReasonCode): unknown {
  if (typeof read === "string") return read;
  const { text: _text, fieldsStart: _start, keptFields, majorVersion: _version, ...rest } = read;
  const fields = Fields.ofText(keptFields);
  const names = new Set(fields.pairs.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase()));
  const asked = ["user-agent", "accept", "cookie", "via", "x-real-ip"].map((name) => read.field(name));
  return { ...rest, kept: [...names].sort().map((name) => [name, fields.value(name)]), asked };
}

const name = fc.constantFrom(
  ...["accept", "user-agent", "cookie", "x-a", "x_a", "date", "authorization", "proxy-authorization", "expect", "te"],
  ...["trailer", "via", "cdn-loop", "x-request-id", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"],
  ...["forwarded", "x-real-ip", "x.real.ip", "x_forwarded_for", "content_length", "content-length", "proxy", "x b", ""],
  ...["x-forwarded-port", "x-forwarded-", "keep_alive", "persistent-auth", "www-authenticate", "front-end-https"],
);
const value = fc.oneof(
  fc.constantFrom(
    "",
    "a",
    "5",
    "0",
    "05",
    "5, 5",
    "trailers",
    "100-continue",
    "NTLM TlRMTVNT",
    "Basic x",
    "\x01",
    "\xe9",
  ),
  fc.constantFrom("x-a, digest, content-length", "1.1 millrace", "for=192.0.2.1;proto=https", "a=1", "a\tb", "a, b"),
);
const message = fc
  .record({
    method: fc.constantFrom("GET", "GET", "POST", "HEAD", "OPTIONS", "TRACE", "ODD", "B(D"),
    target: fc.constantFrom(
      "/",
      "/a?b=c",
      "/a/../b",
      "/../b",
      "/%2e%2e/",
      "*",
      "/a%zz",
      "/a;b/c",
      "/\\",
      "//x",
      "x",
      "/#",
    ),
    authority: fc.constantFrom("a.test", "A.test:80", "a,b", "", "[::1]:8080", "u@a", null),
    fields: fc.array(fc.tuple(name, value), { maxLength: 6 }),
    body: fc.constantFrom("none", "unknown"),
    protocol: fc.constantFrom(null, null, null, "websocket", "tcp"),
    isPeerTrusted: fc.boolean(),
  })
  .map((one): Message => {
    // TE says more than trailers in HTTP/1.1 alone; an empty crumb of a Cookie is none; a length and a body of unknown length is HTTP/1.1's own doubt.
    const fields = one.fields.filter(
      ([key, text]) => (key !== "te" || text === "trailers") && (key !== "cookie" || text !== ""),
    );
    const hasLength = fields.some(([key]) => key === "content-length");
    const isTunnel = one.protocol !== null && !hasLength;
    return {
      ...one,
      fields,
      body: hasLength || isTunnel ? "none" : one.body,
      protocol: isTunnel ? one.protocol : null,
      method: isTunnel ? "GET" : one.method,
    };
  });

test("a message of HTTP/1.1 text and the same message of pairs mean the same, or are refused for the same reason", () => {
  let understood = 0;
  fc.assert(
    fc.property(message, fc.constantFrom("", " ", "\t "), (one, padding) => {
      const read = readPairs(one);
      if (typeof read !== "string") understood++;
      assert.deepEqual(meaningOf(read), meaningOf(readText(one, padding)));
    }),
    { numRuns: 5_000 },
  );
  assert.ok(understood > 100, `${understood} of 5000 were understood`);
});

const plain = [":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a.test"];
const context: PairsContext = { maxBytes, maxFields, isPeerTrusted: false, hasBody: false };

test("what is malformed with pseudo-fields alone is refused", () => {
  const connect = [":method", "CONNECT", ":scheme", "https", ":path", "/", ":authority", "a.test", ":protocol"];
  const table: [pairs: readonly string[], refusal: ReasonCode, more?: Partial<PairsContext>][] = [
    [[], "BAD_METHOD"],
    [plain.slice(2), "BAD_METHOD"],
    [plain.toSpliced(2, 2), "BAD_TARGET"],
    [plain.toSpliced(3, 1, "ftp"), "BAD_TARGET"],
    [plain.toSpliced(4, 2), "BAD_TARGET"],
    [plain.toSpliced(5, 1, ""), "BAD_TARGET"],
    [plain.toSpliced(5, 1, "http://a.test/"), "BAD_TARGET"],
    [plain.slice(0, 6), "BAD_HOST"],
    [[...plain, ":path", "/b"], "BAD_REQUEST_LINE"],
    [[...plain, ":status", "200"], "BAD_REQUEST_LINE"],
    [[...plain, ":constructor", "x"], "BAD_REQUEST_LINE"],
    [["accept", "x", ...plain], "BAD_METHOD"],
    [[...plain, "accept", "x", ":protocol", "websocket"], "BAD_REQUEST_LINE"],
    [[...plain, ":protocol", "websocket"], "BAD_REQUEST_LINE"],
    [[...connect, "h2c"], "METHOD_NOT_ALLOWED"],
    [[":method", "CONNECT", ":scheme", "https", ":path", "/", ":authority", "a.test"], "METHOD_NOT_ALLOWED"],
    [[...plain, "Accept", "x"], "BAD_FIELD"],
    [[...plain, "accept", " x"], "BAD_FIELD"],
    [[...plain, "accept", "x\t"], "BAD_FIELD"],
    [[...plain, "accept", "x\r\ny: z"], "BAD_FIELD"],
    [[...plain, "accept", "\u0100"], "BAD_FIELD"],
    [[...plain, "connection", "close"], "BAD_FIELD"],
    [[...plain, "keep-alive", "1"], "BAD_FIELD"],
    [[...plain, "proxy-connection", "close"], "BAD_FIELD"],
    [[...plain, "transfer-encoding", "chunked"], "BAD_FIELD"],
    [[...plain, "upgrade", "websocket"], "BAD_FIELD"],
    [[...plain, "te", "trailers, gzip"], "BAD_FIELD"],
    [[...plain, "host", "b.test"], "BAD_HOST"],
    [[...plain.slice(0, 6), "host", "a.test", "host", "a.test"], "BAD_HOST"],
    [[...plain, "content-length", "5"], "BAD_CONTENT_LENGTH"],
    [[...plain, "x-a", "y".repeat(maxBytes)], "HEAD_TOO_LARGE"],
    [[...plain, ...Array.from({ length: 2 * maxFields + 2 }, () => "x")], "TOO_MANY_FIELDS"],
  ];
  for (const [pairs, refusal, more = {}] of table) {
    const shown = JSON.stringify(pairs).slice(0, 200);
    const read = readRequestPairs(pairs, { ...context, ...more });
    if (pairs[0] === "accept") assert.equal(typeof read, "string", shown);
    else assert.equal(read, refusal, shown);
  }
});

test("Host beside :authority that says the same is one authority; crumbs of Cookie are one field", () => {
  const head = readRequestPairs([...plain, "host", "a.test", "cookie", "a=1", "cookie", "b=2"], context);
  assert.ok(typeof head !== "string");
  assert.deepEqual(
    [head.authority, head.host, head.keptFields, head.majorVersion],
    ["a.test", "a.test", "cookie: a=1; b=2\r\n", 2],
  );
});

test("a body without a length has an end that only its protocol tells; a tunnel has none", () => {
  const framingOf = (pairs: readonly string[], hasBody: boolean): unknown => {
    const head = readRequestPairs(pairs, { ...context, hasBody });
    return typeof head === "string" ? head : [head.framing, head.contentLength, head.upgrade];
  };
  assert.deepEqual(framingOf(plain, false), [0, 0, null]);
  assert.deepEqual(framingOf(plain, true), [2, 0, null]);
  assert.deepEqual(framingOf([...plain, "content-length", "3"], true), [1, 3, null]);
  const tunnel = [...plain.toSpliced(1, 1, "CONNECT"), ":protocol", "websocket"];
  assert.deepEqual(framingOf(tunnel, true), [0, 0, "websocket"]);
});
