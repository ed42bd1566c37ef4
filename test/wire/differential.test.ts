/**
 * Two parsers, one opinion: every request that Millrace forwards, Node's own strict parser accepts too, and both see
 * the same method, target, fields, body and trailers. Inputs are mutated fixtures and requests built from pieces;
 * MILLRACE_FUZZ_SEED and MILLRACE_FUZZ_SECONDS change which and how many.
 */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { before, test } from "node:test";
import fc from "fast-check";
import { fuzzSeed, fuzzTimeMs, mutate, Randomness } from "../support/mutator.ts";
import { sharedHarness } from "../support/harness.ts";
import type { ProxyUnderTest } from "../support/proxy-under-test.ts";
import { RawClient } from "../support/raw-client.ts";
import type { Script, ScriptedUpstream } from "../support/scripted-upstream.ts";
import type { Field, WireRequest } from "../support/wire-reader.ts";
import { requestCorpus } from "./corpus.ts";

interface NodeRequest {
  readonly method: string;
  readonly url: string;
  readonly fields: Field[];
  body: string;
  trailers: Field[];
  isComplete: boolean;
}

/** A connection for each request: once all are closed, nothing of one input can be taken for part of the next. */
const answerAndClose: Script = {
  onRequest(connection, request) {
    connection.send(
      `HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n${request.method === "HEAD" ? "" : "ok"}`,
    );
    connection.end();
  },
};

const harness = sharedHarness();
let seen: NodeRequest[] = [];
let server: Server;
let upstream: ScriptedUpstream;
let proxy: ProxyUnderTest;

const pairs = (raw: readonly string[]): Field[] =>
  raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? ""] as const] : []));

function take(request: IncomingMessage, response: ServerResponse): void {
  const one: NodeRequest = {
    method: request.method ?? "",
    url: request.url ?? "",
    fields: pairs(request.rawHeaders),
    body: "",
    trailers: [],
    isComplete: false,
  };
  seen.push(one);
  request.setEncoding("latin1");
  request.on("data", (text: string) => {
    one.body += text;
  });
  request.on("error", () => {});
  request.on("end", () => {
    one.trailers = pairs(request.rawTrailers);
    one.isComplete = true;
    response.end("ok");
  });
}

before(async () => {
  // Upgrade is not what is compared here; without the callback Node would take a request with a body for one without.
  server = createServer(
    { insecureHTTPParser: false, maxHeaderSize: 32_768, keepAliveTimeout: 1_000, shouldUpgradeCallback: () => false },
    take,
  );
  server.on("checkContinue", take);
  server.on("checkExpectation", take);
  server.on("connect", (_request, socket) => socket.destroy());
  server.on("clientError", (_error, socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  harness.atEnd(() => server.close().closeAllConnections());
  upstream = await harness.scripted(answerAndClose);
  proxy = await harness.proxy({
    endpoints: [upstream.url],
    config: { log: { access: false, stats: "0s", level: "error" } },
  });
});

/** Fields that a proxy takes away, writes anew or adds. */
const owned = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-authentication-info",
  "http2-settings",
  "proxy",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "via",
  "max-forwards",
  "x-request-id",
  "x-real-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "true-client-ip",
  "cf-connecting-ip",
  "x-original-url",
  "x-rewrite-url",
  "x-original-host",
  "x-host",
  "x-http-host-override",
  "front-end-https",
  "client-ip",
  "forwarded-for",
  "x-forwarded",
  "x-original-forwarded-for",
  "fastly-client-ip",
  "fly-client-ip",
  "x-appengine-user-ip",
  "x-azure-clientip",
  "x-azure-socketip",
  "x-envoy-external-address",
  "x-proxyuser-ip",
  "proxy-client-ip",
  "wl-proxy-client-ip",
  "x-scheme",
  "x-url-scheme",
  "cf-connecting-ipv6",
  "forwarded",
  "traceparent",
]);
const isOwned = (name: string): boolean => {
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, "-");
  return owned.has(plain) || plain.startsWith("x-forwarded-");
};

/** Every field that went upstream and is not ours stands, in this order, among those that Node saw. */
function assertFields(ours: readonly Field[], nodes: readonly Field[]): void {
  const kept = ours.filter(([name]) => !isOwned(name));
  const nominated = new Set(
    nodes
      .filter(([name]) => name.toLowerCase() === "connection")
      .flatMap(([, value]) => value.toLowerCase().split(/[\t ]*,[\t ]*/)),
  );
  const expected = nodes.filter(([name]) => !isOwned(name) && !nominated.has(name.toLowerCase()));
  assert.deepEqual(kept, expected);
}

/**
 * The origin form of a target as Node gives it, if that is simple to tell; null if dot segments make it a matter
 * of canonical form.
 */
function originForm(url: string, method: string): string | null {
  const path = /^https?:\/\/[^/?]*(.*)$/i.exec(url)?.[1] ?? url;
  const target = path === "" ? (method === "OPTIONS" ? "*" : "/") : path.startsWith("?") ? `/${path}` : path;
  return /(?:\/|%2f)(?:\.|%2e)/i.test(target.split("?")[0] ?? "") ? null : target;
}

function assertAgreement(ours: WireRequest, node: NodeRequest | undefined): void {
  assert.ok(node?.isComplete, "Node sees a complete request too");
  assert.equal(ours.method, node.method);
  const target = originForm(node.url, node.method);
  if (target !== null) assert.equal(ours.target, target);
  assertFields(ours.fields, node.fields);
  assert.equal(ours.body.toString("latin1"), node.body);
  const trailers = new Set(node.trailers.map(([name, value]) => `${name}: ${value}`));
  for (const [name, value] of ours.trailers)
    assert.ok(trailers.has(`${name}: ${value}`), `Node sees the trailer ${name} too`);
}

async function deliver(port: number, input: Buffer): Promise<void> {
  const client = await RawClient.connect(port);
  try {
    client.send(input);
    client.end();
    await client.untilOver();
  } finally {
    client.destroy();
  }
}

/**
 * Where Node's parser is narrower than RFC 9112 and 9110 by its own choice: it knows no minor version beyond 1, no
 * methods but those in its list, and no HTAB as optional white space around a transfer coding.
 */
const isOutsideNode = (input: string): boolean =>
  /HTTP\/1\.[2-9]/.test(input) || /transfer-encoding:(?=[^\r]*\t)/i.test(input);

const word = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
/** A chunk line with extensions by the grammar (RFC 9112, section 7.1.1), bad white space included. */
const chunkLine = new RegExp(
  `(?<=^|\n)[0-9A-Fa-f]+(?:[ \\t]*;[ \\t]*${word}(?:[ \\t]*=[ \\t]*(?:${word}|"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t \\x20-\\x7e\\x80-\\xff])*"))?)+(?=\r\n)`,
  "g",
);
/** White space around `;` and `=`: quoted values are stepped over. */
const badWhiteSpace = /("(?:[^"\\]|\\.)*")|[ \t]*([;=])[ \t]*/gs;

/**
 * `input` without the white space that a recipient must read around extensions (RFC 9110, section 5.6.3), and that
 * Node's parser refuses.
 */
const withoutBadWhiteSpace = (input: string): string =>
  input.replace(chunkLine, (line) => line.replace(badWhiteSpace, "$1$2"));

/**
 * Where Node stops reading a connection by its own choice: behind a request that asks for an upgrade, even a declined
 * one, and behind a trailer section that names Connection, which is no field for trailers (RFC 9110, section 6.5.1).
 * From there on there is nothing to compare.
 */
const endsForNode = (node: NodeRequest | undefined): boolean =>
  node !== undefined &&
  (node.trailers.some(([name]) => name.toLowerCase() === "connection") ||
    (node.fields.some(([name]) => name.toLowerCase() === "upgrade") &&
      node.fields.some(([name, value]) => name.toLowerCase() === "connection" && /\bupgrade\b/i.test(value))));

/**
 * What a proxy answers in place of the endpoint (RFC 9110, section 7.6.2). Several lines are no valid value, and the
 * field is ignored.
 */
const endsAtProxy = (node: NodeRequest): boolean => {
  const values = node.fields.filter(([name]) => name.toLowerCase() === "max-forwards").map(([, value]) => value);
  return node.method === "OPTIONS" && values.length === 1 && /^0+$/.test(values[0]!);
};

let lastComparison: Promise<void> = Promise.resolve();

/**
 * One input at a time, also if fast-check's time limit left the one before behind: proxy, upstream and Node's server
 * are shared.
 */
function inTurn(run: () => Promise<void>): Promise<void> {
  const comparison = lastComparison.then(run);
  lastComparison = comparison.catch(() => {});
  return comparison;
}

const compare = (input: string): Promise<void> => inTurn(() => compareAlone(input));

async function compareAlone(input: string): Promise<void> {
  // Lines that look like those of chunks may be anything in a mutated input; the test of white space in chunk extensions
  // builds inputs in which they are what they look like.
  if (isOutsideNode(input) || withoutBadWhiteSpace(input) !== input) return;
  await compareBoth(input, input);
}

/** @param forNode the same message in a form that Node reads */
async function compareBoth(input: string, forNode: string): Promise<void> {
  seen = [];
  upstream.forget();
  await Promise.all([
    deliver(proxy.port, Buffer.from(input, "latin1")),
    deliver((server.address() as AddressInfo).port, Buffer.from(forNode, "latin1")),
  ]);
  await upstream.until(() => upstream.openCount === 0, "the proxy closed its upstream connections");
  assert.deepEqual(upstream.violations, []);
  const ours = upstream.requests;
  const nodes = seen.filter((request) => !endsAtProxy(request));
  if (seen.some((request) => endsAtProxy(request) && endsForNode(request))) return;
  for (const [at, request] of ours.entries()) {
    if (!knownMethods.has(request.method)) return;
    if (at > 0 && endsForNode(nodes[at - 1])) return;
    try {
      assertAgreement(request, nodes[at]);
    } catch (error) {
      throw new Error(
        `${JSON.stringify(input)}, request ${at}: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
  }
}

const knownMethods = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "OPTIONS",
  "PATCH",
  "PROPFIND",
  "REPORT",
  "M-SEARCH",
  "TRACE",
  "QUERY",
]);

const piece = (...values: string[]): fc.Arbitrary<string> => fc.constantFrom(...values);
const line = fc.oneof(
  piece(
    "Content-Length: 5",
    "Content-Length: 0",
    "content-length:5",
    "Content-Length: 5 ",
    "Content-Length: 05",
    "Content-Length: +5",
    "Content-Length: 5,5",
    "Content-Length : 5",
    "Content-Length:\t5",
    "Content-Length: 4",
    "Content-Length: 99",
  ),
  piece(
    "Transfer-Encoding: chunked",
    "transfer-encoding: Chunked",
    "Transfer-Encoding: chunked ",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding: \x0bchunked",
    "Transfer-Encoding:",
  ),
  piece(
    "X: y",
    "X:",
    "x: caf\xe9",
    "X: a\tb",
    "X_Y: z",
    " X: folded",
    "X : y",
    ": y",
    "X",
    "X: a\rb",
    "X: a\nb",
    "X: \0",
    "Cookie: a=b",
    "__proto__: z",
  ),
  piece(
    "Connection: close",
    "Connection: keep-alive",
    "Connection: x",
    "Connection: upgrade",
    "Upgrade: websocket",
    "Expect: 100-continue",
    "TE: trailers",
    "Trailer: X",
    "Host: b",
    "Keep-Alive: timeout=5",
  ),
);
const body = piece(
  "",
  "hello",
  "0\r\n\r\n",
  "5\r\nhello\r\n0\r\n\r\n",
  "5;x=y\r\nhello\r\n0\r\n\r\n",
  "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
  "5\nhello\n0\n\n",
  "05\r\nhello\r\n0\r\n\r\n",
  "5\r\nhello0\r\n\r\n",
  "5 \r\nhello\r\n0\r\n\r\n",
  "g\r\n",
  "hellohello",
  "\r\n",
);
const requestLine = fc
  .tuple(
    piece("GET", "POST", "HEAD", "OPTIONS", "DELETE"),
    piece(" ", " ", " ", "  ", "\t"),
    piece("/", "/x?y", "/a/../b", "http://b/x", "*", "//x", "/%41", "/a;b", "x", "/#", "/\x80", "/a%"),
    piece(" ", " ", " ", ""),
    piece("HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1", "http/1.1", "HTTP/2.0", ""),
  )
  .map((parts) => parts.join(""));
const builtRequest = fc
  .tuple(
    requestLine,
    piece("\r\n", "\r\n", "\r\n", "\n", "\r"),
    fc.array(line, { maxLength: 4 }),
    piece("\r\n", "\r\n", "\r\n", "\n"),
    body,
  )
  .map(
    ([first, end, lines, last, content]) =>
      `${first}${end}Host: a\r\n${lines.map((one) => `${one}\r\n`).join("")}${last}${content}`,
  );

const seed = fuzzSeed(20_261_124);
const options = {
  seed,
  numRuns: 100_000,
  interruptAfterTimeLimit: fuzzTimeMs(4_000),
  markInterruptAsFailure: false,
  endOnFailure: false,
};

test("what Millrace accepts of built requests, Node's strict parser accepts, and both agree", async (context) => {
  context.diagnostic(`seed ${seed}`);
  await fc.assert(
    fc.asyncProperty(fc.array(builtRequest, { minLength: 1, maxLength: 2 }), async (requests) =>
      compare(requests.join("")),
    ),
    options,
  );
});

test("what Millrace accepts of mutated fixtures, Node's strict parser accepts, and both agree", async (context) => {
  context.diagnostic(`seed ${seed}`);
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (state) => {
      const random = new Randomness(state);
      await compare(mutate(random.pick(requestCorpus), random, requestCorpus));
    }),
    options,
  );
});

const white = piece("", "", " ", "\t", " \t ");
const extensionPart = fc
  .tuple(white, white, piece("a", "b!"), fc.option(fc.tuple(white, white, piece("c", '""', '"d; e = f"', '"\\"\\\\"'))))
  .map(
    ([before, behind, name, value]) =>
      `${before};${behind}${name}${value === null ? "" : `${value[0]}=${value[1]}${value[2]}`}`,
  );
const extensionList = fc.array(extensionPart, { maxLength: 3 }).map((parts) => parts.join(""));

test("white space around chunk extensions, which only Millrace reads, means nothing: Node reads the same message without it", async (context) => {
  context.diagnostic(`seed ${seed}`);
  const chunks = fc.array(
    fc.tuple(extensionList, fc.string({ unit: fc.constantFrom("x", "y", "z"), minLength: 1, maxLength: 20 })),
    { minLength: 1, maxLength: 4 },
  );
  await fc.assert(
    fc.asyncProperty(chunks, extensionList, async (pieces, last) => {
      const coded = pieces
        .map(([extensions, data]) => `${data.length.toString(16)}${extensions}\r\n${data}\r\n`)
        .join("");
      const input = `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${coded}0${last}\r\n\r\n`;
      await inTurn(async () => {
        await compareBoth(input, withoutBadWhiteSpace(input));
        assert.equal(upstream.requests[0]?.body.toString(), pieces.map(([, data]) => data).join(""));
      });
    }),
    { seed, numRuns: 150 },
  );
});

test("every fixture that Millrace forwards, Node's strict parser reads alike", async () => {
  for (const input of requestCorpus) await compare(input);
});
