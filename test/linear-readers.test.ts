/**
 * Whatever reads a stranger's text does work that is linear in it: text of twice the length takes about twice the
 * steps. Steps are counted, not timed (see `support/step-counter.ts`). A new reader is a line in the table; it is tried
 * with all the pieces that text of this kind goes wrong by, repeated.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BodySide } from "../src/http1/syntax/chunked-decoder.ts";
import { StepCounter } from "./support/step-counter.ts";

const source = new URL("../src/", import.meta.url).href;
// Before the readers are loaded.
const counter = new StepCounter(source);

const { prefersJson } = await import("../src/http/accept.ts");
const { parseAuthority } = await import("../src/http/authority.ts");
const { parseNode, resolveClient } = await import("../src/http/client-address.ts");
const { answerDirectives } = await import("../src/http/cache/targeted-control.ts");
const { parseCacheControl } = await import("../src/http/cache/cache-control.ts");
const { defaultCachePolicy } = await import("../src/http/cache/cache-policy.ts");
const { evaluateConditions } = await import("../src/http/cache/conditions.ts");
const { selectRange } = await import("../src/http/cache/range.ts");
const { refreshed } = await import("../src/http/cache/refresh.ts");
const { judgeStorage } = await import("../src/http/cache/storage.ts");
const { answerHead, requestWith, startMs, stored, timesAt } = await import("../src/http/cache/testing/messages.ts");
const { Fields } = await import("../src/http/fields.ts");
const { negotiateCoding, reduceAcceptEncoding } = await import("../src/http/content-coding.ts");
const { cookieValue, findCookie } = await import("../src/http/cookie.ts");
const { compileExchangeKey } = await import("../src/http/exchange-key.ts");
const { fieldValue, foldFieldName, isFieldValue, isToken, listMembers, removeFields, toLowerAscii, trimOws } =
  await import("../src/http/field-text.ts");
const { readForwarded } = await import("../src/http/forwarded.ts");
const { clientScheme, forwardingFields, isLoop } = await import("../src/http/forwarding-fields.ts");
const { readPath } = await import("../src/http/path.ts");
const { isRequestId, RequestIdSource } = await import("../src/http/request-id.ts");
const { compileSentField } = await import("../src/http/sent-fields.ts");
const { isStreaming } = await import("../src/http/streaming.ts").then((module) => ({
  isStreaming: Object.values(module)[0] as (head: object) => unknown,
}));
const { parseTarget } = await import("../src/http/target.ts");
const { exchangeAround } = await import("../src/http/testing/exchange-around.ts");
const { RequestHead, ResponseHead } = await import("../src/http/message.ts");
const { explain } = await import("../src/http/own-answer.ts");
const { ChunkedDecoder, ChunkEvent } = await import("../src/http1/syntax/chunked-decoder.ts");
const { HeadReader } = await import("../src/http1/syntax/head-reader.ts");
const { parseRequestHead } = await import("../src/http1/syntax/request-parser.ts");
const { parsedResponse, parseResponseHead } = await import("../src/http1/syntax/response-parser.ts");
const { readAnswerPairs } = await import("../src/http/syntax/answer-pairs.ts");
const { readRequestPairs } = await import("../src/http/syntax/request-pairs.ts");
const { readTrailerPairs } = await import("../src/http/syntax/trailer-pairs.ts");
const { isSpecialAlias } = await import("../src/http/syntax/special-fields.ts");
const { PartialHead } = await import("../src/http1/syntax/partial-head.ts");
const { Unread } = await import("../src/http1/client-side/unread.ts");
const { toNetwork, toStoreKey } = await import("../src/middleware/rate-limit/limit-key.ts");
const { compileAccessLogFormat } = await import("../src/observe/access-log-format.ts");
const { LineBlock } = await import("../src/observe/line-block.ts");
const { escapeJsonText, escapePlainText } = await import("../src/observe/log-escape.ts");
const { decideExpositionFormat } = await import("../src/observe/prometheus-text.ts");
const { QueryRedactor } = await import("../src/observe/query-redactor.ts");
const { variantValue } = await import("../src/http/cache/variant-value.ts");
const { KeyMaker } = await import("../src/middleware/cache/cache-key.ts");
const { readFacts } = await import("../src/middleware/cache/request-facts.ts");
const { compileHeaderEdit } = await import("../src/middleware/headers/header-edit.ts");
const { compileRedirect } = await import("../src/route/targets/location.ts");
const { compileRewrite } = await import("../src/middleware/rewrite/rewrite.ts");
const { Router } = await import("../src/route/router.ts");
const { StickyTokens } = await import("../src/upstream/affinity/sticky-token.ts");
const { decideAccess, isLoopbackHost } = await import("../src/admin/admin-access.ts");
const { findEndpointPath } = await import("../src/admin/endpoint-paths.ts");
const { substituteEnvironment } = await import("../src/config/environment.ts");
const { findJsonMistake } = await import("../src/yaml/json-syntax.ts");
const { systemClock } = await import("../src/base/clock.ts");
const { ClientHelloReader } = await import("../src/net/tls/client-hello-reader.ts");
const { helloMessage, toRecords } = await import("../src/net/testing/hello-bytes.ts");
const { normalizeServerName } = await import("../src/net/tls/server-name.ts");
const { readProxyHeader } = await import("../src/net/proxy-protocol/read-header.ts");
const { headerV2, tlv } = await import("../src/net/testing/header-bytes.ts");
const { isAnswerTo, readAnswer, writeQuestion } = await import("../src/remote/dns/dns-message.ts");
const { JsonStreamError, JsonValues } = await import("../src/remote/json-values.ts");
const { readEndpointList } = await import("../src/upstream/discovery/endpoint-list.ts");
const { readInspectedContainer, readListedContainer } = await import("../src/upstream/discovery/docker/container.ts");
const { parseIpv4, normalizeIp } = await import("../src/base/ip-address.ts");

const limits = { headBytes: 1 << 20, headFields: 10_000, isLenient: false };
const lenient = { ...limits, isLenient: true };

/** Reads a head as the parser is given it, in one piece. */
function readRequest(text: string): void {
  const bytes = Buffer.from(text, "latin1");
  parseRequestHead(bytes, 0, bytes.length, limits, true);
}

function readResponse(text: string, rules = limits): void {
  const bytes = Buffer.from(text, "latin1");
  parseResponseHead(bytes, 0, bytes.length, rules, false);
}

/** As it is, and between letters, for white space at the ends is not part of a value. */
const fieldOf =
  (name: string) =>
  (text: string): void => {
    for (const value of [text, `a${text}b`]) readRequest(`GET / HTTP/1.1\r\nHost: a\r\n${name}: ${value}\r\n\r\n`);
  };
const answerFieldOf =
  (name: string) =>
  (text: string): void => {
    for (const value of [text, `a${text}b`]) readResponse(`HTTP/1.1 200 OK\r\n${name}: ${value}\r\n\r\n`);
  };

/** In records of that many bytes. */
function readHello(text: string, recordBytes: number): void {
  const extensions = Buffer.from(text, "latin1");
  const message = helloMessage({ serverName: text, alpn: [text.slice(0, 255)], extensions: [extensions] });
  const reader = new ClientHelloReader();
  for (const byte of toRecords(message, recordBytes)) if (reader.take(Buffer.of(byte), 1) !== null) return;
}

/** One byte a read, as a slow or an evil client sends it. */
function readDripping(text: string): void {
  const reader = new HeadReader(false);
  const unread = new Unread();
  for (const byte of Buffer.from(text, "latin1")) {
    unread.append(Buffer.of(byte));
    const size = reader.read(unread.bytes!, unread.start, unread.end, limits);
    if (size > 0) unread.drop(size);
    if (reader.failure !== null || unread.isEmpty) return;
  }
}

/** The same of an endpoint's answer. */
function readAnswerDripping(text: string, rules = limits): void {
  const partial = new PartialHead();
  for (const byte of Buffer.from(text, "latin1")) {
    const chunk = Buffer.of(byte);
    const bytes = partial.isEmpty ? chunk : partial.join(chunk, rules);
    if (bytes === null) continue;
    parseResponseHead(bytes, 0, bytes.length, rules, false);
    if (parsedResponse.head !== null || parsedResponse.failure !== null) return;
    partial.keep(bytes, 0, bytes.length);
  }
}

function decode(text: string, bytesPerRead: number, side: BodySide = "answer"): void {
  const decoder = new ChunkedDecoder(side);
  decoder.reset();
  const all = Buffer.from(text, "latin1");
  for (let start = 0; start < all.length; start += bytesPerRead) {
    const bytes = all.subarray(start, start + bytesPerRead);
    let at = 0;
    while (at < bytes.length) {
      at = decoder.next(bytes, at, bytes.length);
      if (decoder.event === ChunkEvent.needMore) break;
      if (decoder.event !== ChunkEvent.data) return;
    }
  }
}

const everyField = (text: string) =>
  exchangeAround(
    {
      method: "GET",
      target: `/?${text}`,
      path: "/",
      query: text,
      host: "a",
      authority: "a",
      text: `GET / HTTP/1.1\r\nx-a: ${text}\r\nCookie: ${text}\r\nAccept: ${text}\r\nUser-Agent: ${text}\r\nReferer: ${text}\r\n\r\n`,
      fieldsStart: 16,
      keptFields: `x-a: ${text}\r\nCookie: ${text}\r\nAccept: ${text}\r\n`,
      forwardedFor: text,
      forwardedProto: text,
      forwardedHost: text,
      forwarded: text,
      via: text,
      requestId: text,
    },
    { isPeerTrusted: true },
  );

const routerBy = (match: object) => {
  const router = Router.of([{ name: "r", match, value: 1 }]);
  return (text: string): void => {
    router.match(everyField(text));
  };
};
const router = Router.of([
  { name: "a", match: { host: ["*.a.b", "*.b"], path: "/a/*" }, value: 1 },
  { name: "b", match: { path: "/a/a/a/a/*" }, value: 2 },
]);
const redactor = new QueryRedactor();
const strictRedactor = new QueryRedactor(["a"]);
const templates = (["json", "combined", "template"] as const).map((format) =>
  compileAccessLogFormat(format, format === "template" ? "{header:x-a} {target} {path} {referer}" : null, redactor),
);
const redirect = compileRedirect("https://{host}{path}?next={uri}");
const rewrite = compileRewrite({ stripPrefix: "/a", addPrefix: "/b" });
const tokens = new StickyTokens({
  secret: Buffer.from("s"),
  upstreamName: "u",
  urls: ["http://a"],
  maxAgeMs: 1_000,
  clock: systemClock,
});
const edit = compileHeaderEdit({ remove: ["x-a"], set: { "x-b": "1" } }, "request")!;
const sentFields = ["x-a", "cookie", "via", "x-forwarded-for", "upgrade", "forwarded"].map(compileSentField);
const keys = ["header:x-a", "cookie:a", "query:a", "path", "clientIp"].map(compileExchangeKey);
const cacheKeys = new KeyMaker("r", { ignoreQuery: ["utm_*"], query: ["a*"], headers: ["x-a"], cookies: ["a"] });
const lines = (text: string): string =>
  text
    .replaceAll("\r", "")
    .replaceAll("\n", "")
    .replace(/(.{1,40})/g, "x$1: v\r\n");

/** An answer of which all behind the question is `text`, and its name as well. */
function readDnsAnswer(text: string): void {
  const question = { name: "a", type: "A" } as const;
  const head = writeQuestion(1, question, "plain");
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(0xffff, 6);
  const answer = Buffer.concat([head, Buffer.from(text, "latin1")]);
  if (isAnswerTo(answer, 1, question)) readAnswer(answer);
  isAnswerTo(Buffer.concat([head.subarray(0, 12), Buffer.from(text, "latin1")]), 1, question);
}

function readJsonDripping(text: string): void {
  const reader = new JsonValues();
  try {
    for (const byte of Buffer.from(text, "latin1")) reader.push(Buffer.of(byte));
  } catch (error) {
    if (!(error instanceof JsonStreamError)) throw error;
  }
}

/** Every reader of what strangers send, by what it reads. */
const readers: readonly (readonly [name: string, read: (text: string) => unknown])[] = [
  ["a whole request head", readRequest],
  ["Cache-Control", (text) => parseCacheControl(text)],
  ["CDN-Cache-Control", (text) => answerDirectives(Fields.ofPairs(["cdn-cache-control", text]))],
  [
    "what a cache asks of an answer",
    (text) => {
      const lines = ["Age", "Date", "Expires", "Last-Modified", "ETag", "Vary", "Content-Range", "Cache-Control"];
      const value = text.replace(/[\r\n]/g, "");
      const head = answerHead([...lines.map((name) => `${name}: ${value}`), "Cache-Control: max-age=60"]);
      judgeStorage(requestWith(), head, timesAt(startMs), defaultCachePolicy);
      refreshed(stored(["Cache-Control: max-age=60"]), head, timesAt(startMs), defaultCachePolicy);
    },
  ],
  [
    "what a client asks of a cache",
    (text) => {
      const answer = stored(["Cache-Control: max-age=60", 'ETag: "a"', "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"]);
      const value = text.replace(/[\r\n]/g, "");
      evaluateConditions(requestWith([`If-None-Match: ${value}`]), answer);
      evaluateConditions(requestWith([`If-Modified-Since: ${value}`]), answer);
      selectRange(requestWith([`Range: ${value}`, `If-Range: ${value}`]), answer, 100);
      selectRange(requestWith([`Range: bytes=${value}`]), answer, 100);
    },
  ],
  [
    "a request of pairs",
    (text) =>
      readRequestPairs(
        [":method", "GET", ":scheme", "http", ":path", `/${text}`, ":authority", text, "cookie", text, text, text],
        { maxBytes: 1 << 20, maxFields: 10_000, isPeerTrusted: true, hasBody: true },
      ),
  ],
  [
    "an answer of pairs",
    (text) =>
      readAnswerPairs(
        [":status", "200", text, text, "trailer", text, "www-authenticate", text, "content-length", text],
        {
          maxBytes: 1 << 20,
          maxFields: 10_000,
          isHeadMethod: false,
          tunnel: null,
          hasBody: true,
        },
      ),
  ],
  ["an answer of a name server", readDnsAnswer],
  ["a stream of JSON, byte by byte", (text) => readJsonDripping(text)],
  ["a stream of JSON with a text, byte by byte", (text) => readJsonDripping(`["${text}`)],
  ["a list of endpoints", (text) => readEndpointList([text, { url: text, zone: text }, { url: `http://${text}` }])],
  [
    "a container",
    (text) => {
      readListedContainer({ Id: "a".repeat(64), Names: [text], Status: text, Ports: [{ Type: text }] });
      readInspectedContainer({ Id: "a".repeat(64), Name: text, Created: text, Config: { StopSignal: text } });
    },
  ],
  ["trailers of pairs", (text) => readTrailerPairs([text, text, "x", text], { maxBytes: 1 << 20, maxFields: 10_000 })],
  ["a request head, byte by byte", (text) => readDripping(`GET / HTTP/1.1\r\nHost: a\r\nX: ${text}`)],
  ["a request line, byte by byte", (text) => readDripping(`GET /${text}`)],
  ["field lines, byte by byte", (text) => readDripping(`GET / HTTP/1.1\r\nHost: a\r\n${lines(text)}`)],
  ["empty lines and what follows, byte by byte", readDripping],
  [
    "an answer's head, byte by byte",
    (text) => readAnswerDripping(`HTTP/1.1 200 OK\r\n${lines(text)}X: ${text}\r\n\r\n`),
  ],
  ["an answer's status line, byte by byte", (text) => readAnswerDripping(`HTTP/1.1 200 ${text}`)],
  ["an answer's head that is repaired", (text) => readResponse(`HTTP/1.1 200 OK\nX: \x01\n ${text}\n\n`, lenient)],
  [
    "an answer's folded lines",
    (text) =>
      readResponse(
        `HTTP/1.1 200 OK\r\nX: a\r\n${text
          .split("")
          .map((one) => ` ${one}\r\n`)
          .join("")}\r\n`,
        lenient,
      ),
  ],
  [
    "an answer's head that is repaired, byte by byte",
    (text) => readAnswerDripping(`HTTP/1.1 200 OK\n${lines(text).replaceAll("\r", "")}X: ${text}\n\n`, lenient),
  ],
  [
    "trailers that are repaired, byte by byte",
    (text) => decode(`0\r\n${lines(text).replaceAll("\r", "")}x: ${text}\n\n`, 1, "lenientAnswer"),
  ],
  ["a whole response head", (text) => readResponse(text)],
  ["the status line", (text) => readResponse(`HTTP/1.1 200 ${text}\r\n\r\n`)],
  ...[
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "Connection",
    "TE",
    "Trailer",
    "Upgrade",
    "Expect",
    "Via",
    "X-Request-ID",
    "X-Forwarded-For",
    "Forwarded",
    "Cookie",
    "Range",
    "If-Range",
    "traceparent",
    "Max-Forwards",
    "Keep-Alive",
  ].map((name) => [`the request field ${name}`, fieldOf(name)] as const),
  ...["Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "Trailer", "Set-Cookie"].map(
    (name) => [`the response field ${name}`, answerFieldOf(name)] as const,
  ),
  [
    "Connection options, and as many fields as options",
    (text) =>
      readRequest(
        `GET / HTTP/1.1\r\nHost: a\r\nConnection: ${options(text).join(",")}\r\n${options(text)
          .map((option) => `${option}x: 1\r\n`)
          .join("")}\r\n`,
      ),
  ],
  [
    "Connection options and fields of an answer",
    (text) =>
      readResponse(
        `HTTP/1.1 200 OK\r\nConnection: ${options(text).join(",")}\r\n${options(text)
          .map((option) => `${option}x: 1\r\n`)
          .join("")}\r\n`,
      ),
  ],
  [
    "as many Connection fields as other fields",
    (text) =>
      readRequest(
        `GET / HTTP/1.1\r\nHost: a\r\n${options(text)
          .slice(0, 200)
          .map((option) => `Connection: ${option}\r\n${option}: 1\r\n`)
          .join("")}\r\n`,
      ),
  ],
  ["a chunked body", (text) => decode(text, 65_536)],
  ["a chunked body, byte by byte", (text) => decode(text, 1)],
  ["chunk extensions", (text) => decode(`1;${text}\r\nx\r\n`, 65_536)],
  ["chunk extensions, byte by byte", (text) => decode(`1;${text}\r\nx\r\n`, 1)],
  ["trailers, byte by byte", (text) => decode(`0\r\n${lines(text)}\r\n`, 1)],
  ["one trailer, byte by byte", (text) => decode(`0\r\nx: ${text}\r\n\r\n`, 1)],
  ["an authority", parseAuthority],
  ["an authority with brackets", (text) => parseAuthority(`[${text}]`)],
  ["the target in origin form", (text) => parseTarget("GET", `/${text}`, new RequestHead())],
  ["the target in absolute form", (text) => parseTarget("GET", `http://${text}/${text}`, new RequestHead())],
  ["a path", (text) => readPath(`/${text}`)],
  [
    "a route's host and path",
    (text) => router.match(exchangeAround({ method: "GET", host: text, path: `/${text}`, alternatePath: `/${text}` })),
  ],
  ["X-Forwarded-For", (text) => resolveClient({ peerAddress: "10.0.0.1", forwardedFor: text, isTrusted: () => true })],
  [
    "Forwarded",
    (text) => [
      readForwarded(text),
      readForwarded(`for="${text}"`),
      resolveClient({ peerAddress: "10.0.0.1", forwardedFor: null, forwarded: `for=a;${text}`, isTrusted: () => true }),
    ],
  ],
  ["a node", parseNode],
  ["a ClientHello in small records, byte by byte", (text) => readHello(text, 3)],
  ["a ClientHello whose extensions are anything", (text) => readHello(text, 16_384)],
  ["the name of a server", normalizeServerName],
  [
    "a PROXY header",
    (text) => {
      const bytes = Buffer.from(text, "latin1");
      for (const begin of ["PROXY TCP4 ", "PROXY UNKNOWN "]) readProxyHeader(Buffer.from(begin + text, "latin1"));
      readProxyHeader(headerV2({ tlvs: [tlv(1, bytes), tlv(2, bytes), bytes] }).subarray(0, 60_000));
    },
  ],
  ["an address", (text) => [parseIpv4(text), normalizeIp(text), normalizeIp(`:${text}`), toNetwork(text)]],
  ["the scheme", (text) => clientScheme(everyField(text))],
  [
    "the key of a cache",
    (text) => {
      const exchange = everyField(text);
      const line = text.replaceAll(/[\r\n]/g, "");
      const fields = `x-forwarded-port: ${line}\r\ncache-control: ${line}\r\n`;
      variantValue("accept-language", line);
      for (const one of [readFacts(lines(text)), readFacts(fields)])
        cacheKeys.keyOf(exchange, cacheKeys.targetOf(exchange), one);
    },
  ],
  ["forwarding fields", (text) => forwardingFields(everyField(text).forwardingPrefix!, everyField(text).request, "id")],
  [
    "Via and CDN-Loop, for loops",
    (text) => [
      isLoop({ via: `1.1 millrace ${text}`, cdnLoop: null }, "millrac"),
      isLoop({ via: null, cdnLoop: `millrace;${text}` }, "millrac"),
    ],
  ],
  ["a request id", (text) => [isRequestId(text), new RequestIdSource().choose(text)]],
  ["cookies", (text) => [cookieValue(text, "a"), findCookie(text, "a", () => null)]],
  ["a sticky token", (text) => [tokens.read(text), tokens.read(`AAAAAAAA.${text}`)]],
  ["keys", (text) => keys.map((keyOf) => keyOf(everyField(text)))],
  ["a key for a store", (text) => toStoreKey(text, "header:x")],
  ["fields as the endpoint sees them", (text) => sentFields.map((read) => read(everyField(text)))],
  ["a field among others", (text) => fieldValue(`${lines(text)}y: ${text}\r\n${lines(text)}`, "y")],
  ["repeated fields", (text) => fieldValue(`y: ${text.slice(0, 10)}\r\n`.repeat(text.length / 10), "y")],
  [
    "names and values",
    (text) => [
      isToken(text),
      isFieldValue(text),
      toLowerAscii(text),
      trimOws(text),
      foldFieldName(text),
      isSpecialAlias(text),
      listMembers(text),
    ],
  ],
  ["fields that are edited", (text) => [edit(lines(text)), removeFields(lines(text), (name) => name === "x")]],
  ["the matcher of a query", routerBy({ query: { b: "x" } })],
  ["the matcher of cookies", routerBy({ cookie: { b: "x" } })],
  ["the matcher of fields", routerBy({ header: { "x-a": "x", via: "y", "x-forwarded-proto": "z" } })],
  ["Accept", prefersJson],
  [
    "Accept-Encoding",
    (text) => [negotiateCoding(`gzip,${text}`, ["zstd", "br", "gzip"]), reduceAcceptEncoding(`gzip,${text}`)],
  ],
  [
    "Accept of an answer of our own",
    (text) =>
      explain(
        "NO_ROUTE",
        exchangeAround({ text: `GET / HTTP/1.1\r\nAccept: application/json,${text}\r\n\r\n`, fieldsStart: 16 }),
      ),
  ],
  ["Accept of a scraper", decideExpositionFormat],
  [
    "Content-Type of an answer",
    (text) =>
      isStreaming(
        Object.assign(new ResponseHead(), {
          text: `HTTP/1.1 200 OK\r\nContent-Type: ${text}\r\n\r\n`,
          fieldsStart: 17,
          keptFields: `Content-Type: ${text}\r\n`,
        }),
      ),
  ],
  ["a redirect", (text) => redirect({ target: `/${text}?${text}`, host: "a", scheme: "http" })],
  [
    "a rewrite",
    (text) => {
      const { outgoing, request } = exchangeAround({
        target: `/a?${encodeURI(text)}`,
        path: `/${encodeURIComponent(text)}`,
      });
      return rewrite(outgoing, request);
    },
  ],
  ["a query for the log", (text) => [redactor.redact(`/?key&${text}`), strictRedactor.redact(`/?${text}`)]],
  ["a URL for the log", (text) => [redactor.redact(`http://${text}`), redactor.redact(text)]],
  ["text for the log", (text) => [escapeJsonText(text), escapePlainText(text)]],
  [
    "a line of the log",
    (text) =>
      templates.map((format) => {
        const block = new LineBlock();
        format(everyField(text), block);
        return block.take();
      }),
  ],
  [
    "the admin listener's Host and token",
    (text) => [
      isLoopbackHost(text),
      decideAccess(
        {
          need: "write",
          headers: { host: text, authorization: `Basic ${text}`, origin: text },
          peerAddress: "127.0.0.1",
          localAddress: null,
        },
        [{ token: "t".repeat(8), role: "read" }],
      ),
    ],
  ],
  ["references to the environment", (text) => substituteEnvironment(`${text}\${a}${text}\${`, { a: text })],
  ["JSON", (text) => [findJsonMistake(`["${text}"]`), findJsonMistake(text)]],
  ["a path of the admin listener", (text) => findEndpointPath(`/api/v1/upstreams/${text}/endpoints/${text}`)],
];

const options = (text: string): string[] =>
  Array.from({ length: Math.ceil(text.length / 8) }, (_, at) => `o${at.toString(36)}`);

/** What texts are made of that readers stumble over. */
const pieces = [
  "a",
  "A",
  "0",
  " ",
  "\t",
  ",",
  ";",
  "=",
  "&",
  "&a",
  ";a",
  "a=b;",
  "a=b&",
  "key&",
  "json,;,;",
  ", a",
  "a ,",
  "a;q=0.5,",
  '"',
  '\\"',
  "\\",
  "%",
  "%2e",
  "%25",
  "+",
  "/",
  "/.",
  "/..",
  "//",
  ";/",
  ".",
  "a.",
  ":",
  "0:",
  "::",
  "[",
  "]",
  "@",
  "-",
  "_",
  "\xa0",
  "\xff",
  "{",
  "1.1 a,",
  "a a,",
  "for=a,",
  "\r\n",
  "a:b\r\n",
  "1\r\nx\r\n",
];

const shortLength = 800;
/**
 * Twice the steps for twice the text; four times would be a square. What is done once for any text only makes it less.
 */
const mostGrowth = 2.7;

/**
 * Pieces that are counted together, each repeated for itself: looking at the counters costs more than most readings. A
 * square in one of them stands out among three.
 */
const piecesPerCount = 3;

for (const [name, read] of readers) {
  test(`reading ${name} takes steps in proportion to its length`, () => {
    const textOf = (piece: string, length: number): string => piece.repeat(Math.ceil(length / piece.length));
    // What is worked out once is worked out before.
    for (const piece of pieces) read(textOf(piece, 10));
    counter.forget();
    for (let at = 0; at < pieces.length; at += piecesPerCount) {
      const some = pieces.slice(at, at + piecesPerCount);
      const [short, long] = [shortLength, 2 * shortLength].map((length) => {
        const texts = some.map((piece) => textOf(piece, length));
        return counter.count(() => {
          for (const text of texts) read(text);
        });
      }) as [number, number];
      assert.ok(
        long <= short * mostGrowth + 500,
        `one of ${JSON.stringify(some)} repeated: ${short} steps for ${shortLength} characters, ${long} for twice as many`,
      );
    }
  });
}
