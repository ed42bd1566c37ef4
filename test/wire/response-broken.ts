/**
 * Answers that can be read in two ways, or in none: 502, or an answer that visibly breaks off; the upstream connection
 * is never used again.
 */
import { breakOff, fail, ok, okChunked, passOnce, type ResponseFixture } from "./response-fixture.ts";

const whole = "5\r\nhello\r\n0\r\n\r\n";
const sized = (line: string): string => ok([line], "hello");
const websocket =
  "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const controls = [...Array(32).keys(), 127]
  .filter((code) => code !== 9 && code !== 10 && code !== 13)
  .map((code) => String.fromCharCode(code));

export const brokenResponses: ResponseFixture[] = [
  fail("Content-Length and Transfer-Encoding", ok(["Content-Length: 5", "Transfer-Encoding: chunked"], whole)),
  fail("Transfer-Encoding and Content-Length", ok(["Transfer-Encoding: chunked", "Content-Length: 5"], whole)),
  ...[
    "+5",
    "-5",
    "0x5",
    "5,",
    ",5",
    "5,,5",
    "5, +5",
    "5, 6",
    "05, 6",
    "5;5",
    "0 5",
    "5 5",
    "",
    "5.0",
    "1e1",
    '"5"',
    "9007199254740993",
    "18446744073709551621",
    "5\xa0",
  ].map((value) => fail(`the length ${JSON.stringify(value)}`, sized(`Content-Length: ${value}`))),
  fail("two lengths that differ", ok(["Content-Length: 5", "Content-Length: 6"], "hello")),
  fail("a length and an empty one", ok(["Content-Length: 5", "Content-Length:"], "hello")),
  fail(
    "three lengths, one of them another",
    ok(["Content-Length: 5", "Content-Length: 5", "Content-Length: 50"], "hello"),
  ),
  fail("a padded length and Transfer-Encoding", ok(["Content-Length: 005", "Transfer-Encoding: chunked"], whole)),
  ...[
    "xchunked",
    "chunked, identity",
    "identity, chunked",
    "gzip, chunked",
    "gzip",
    "chunked, chunked",
    "",
    "chunked;q=1",
    ",chunked",
    '"chunked"',
  ].map((value) => fail(`the coding ${JSON.stringify(value)}`, ok([`Transfer-Encoding: ${value}`], whole))),
  fail("two codings", ok(["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], whole)),
  fail("chunked in HTTP/1.0", `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${whole}`),

  ...[
    "HTTP/1.1 200",
    "HTTP/2.0 200 OK",
    "HTTP/0.9 200 OK",
    "HTTP/1.10 200 OK",
    "http/1.1 200 OK",
    "HTTP/1.1  200 OK",
    "HTTP/1.1 20 OK",
    "HTTP/1.1 2000 OK",
    "HTTP/1.1 099 OK",
    "HTTP/1.1 000 OK",
    "HTTP/1.1 600 OK",
    "HTTP/1.1 999 OK",
    "HTTP/1.1 2x0 OK",
    "HTTP/1.1 -200 OK",
    "HTTP/1.1 +20 OK",
    "HTTP/1.1\t200\tOK",
    "ICY 200 OK",
    "200 OK",
    "",
    " HTTP/1.1 200 OK",
    "HTTP/1.1 200\tOK",
    "hello",
    "GET / HTTP/1.1",
    "XTTP/1.1 200 OK",
  ]
    .filter((line) => line !== "HTTP/1.1 200")
    .map((line) =>
      fail(`the status line ${JSON.stringify(line)}`, `${line}\r\nContent-Length: 2\r\n\r\nok`, { endsOutput: true }),
    ),
  ...controls.flatMap((control) => [
    fail(`${JSON.stringify(control)} in the reason`, `HTTP/1.1 200 O${control}K\r\nContent-Length: 2\r\n\r\nok`),
    fail(`${JSON.stringify(control)} in a value`, ok([`X: a${control}b`, "Content-Length: 2"], "ok")),
    fail(`${JSON.stringify(control)} in a name`, ok([`X${control}: a`, "Content-Length: 2"], "ok")),
  ]),
  fail("a carriage return in the reason", "HTTP/1.1 200 O\rK\r\nContent-Length: 2\r\n\r\nok"),
  fail("a carriage return in a value", ok(["X: a\rb", "Content-Length: 2"], "ok")),
  fail("a line feed behind the status line", "HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok"),
  fail("a line feed behind a field", "HTTP/1.1 200 OK\r\nX: y\nContent-Length: 2\r\n\r\nok"),
  fail("only line feeds", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
  fail("a folded field", ok(["X: a\r\n b", "Content-Length: 2"], "ok")),
  fail("white space before the first field", ok([" X: a", "Content-Length: 2"], "ok")),
  fail("white space before a colon", ok(["X : a", "Content-Length: 2"], "ok")),
  fail("white space before the colon of Content-Length", ok(["Content-Length : 2"], "ok")),
  fail("no colon", ok(["foo", "Content-Length: 2"], "ok")),
  fail("an empty name", ok([": x", "Content-Length: 2"], "ok")),
  fail("a name with obs-text", ok(["Content-Length\x85: 2"], "ok")),
  fail("an empty line before the status line", `\r\n${ok(["Content-Length: 2"], "ok")}`),
  fail("a head of 100 KB", ok([`X: ${"y".repeat(100_000)}`, "Content-Length: 2"], "ok")),
  fail("a head that never ends", `HTTP/1.1 200 OK\r\nX: ${"y".repeat(200_000)}`),
  fail("2,000 fields", ok([...Array.from({ length: 2_000 }, (_, at) => `X-${at}: y`), "Content-Length: 2"], "ok")),

  fail("nothing at all", "", { endsOutput: true }),
  fail("a cut status line", "HTTP/1.1 20", { endsOutput: true }),
  fail("a cut head", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", { endsOutput: true }),
  fail("only 100", "HTTP/1.1 100 Continue\r\n\r\n", { endsOutput: true }),
  fail("a flood of interim answers", "HTTP/1.1 102 Processing\r\n\r\n".repeat(1_000) + ok(["Content-Length: 2"], "ok")),
  fail(
    "an interim answer with a broken head",
    "HTTP/1.1 103 Early Hints\r\nbroken\r\n\r\n" + ok(["Content-Length: 2"], "ok"),
  ),
  fail(
    "101 that nobody asked for",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  ),
  fail(
    "101 to h2c that nobody asked for",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
  ),
  fail("101 to another protocol", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", {
    request: websocket,
  }),
  fail(
    "101 to two protocols",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n",
    { request: websocket },
  ),
  fail("101 without Upgrade", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n", {
    request: websocket,
  }),
  fail("101 to POST", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", {
    method: "POST",
  }),

  breakOff("a sized body cut short", ok(["Content-Length: 6"], "hello"), { endsOutput: true }),
  breakOff("a sized body that never came", ok(["Content-Length: 6"]), { endsOutput: true }),
  ...[
    "6\r\nhello",
    "5\r\nhello",
    "5\r\nhello\r\n",
    "5\r\nhello\r\n0",
    "5\r\nhello\r\n0\r\n",
    "5\r\nhello\r\n0\r\nX: y\r\n",
  ].map((body) => breakOff(`a chunked body cut short: ${JSON.stringify(body)}`, okChunked(body), { endsOutput: true })),
  ...[
    "0x5\r\nhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    " 5\r\nhello\r\n0\r\n\r\n",
    "\t5\r\nhello\r\n0\r\n\r\n",
    "5 5\r\nhello\r\n0\r\n\r\n",
    "5 \nhello\r\n0\r\n\r\n",
    "5 \r\r\nhello\r\n0\r\n\r\n",
    "5 ;\r\nhello\r\n0\r\n\r\n",
    "5\x0b\r\nhello\r\n0\r\n\r\n",
    "5 \0\r\nhello\r\n0\r\n\r\n",
    `${"0".repeat(200)}5\r\nhello\r\n0\r\n\r\n`,
    `5${" ".repeat(5_000)}\r\nhello\r\n0\r\n\r\n`,
    "\r\nhello\r\n",
    "5\nhello\n0\n\n",
    "5\r\nhello\n0\r\n\r\n",
    "5\r\nhelloX\r\n0\r\n\r\n",
    "5\r\nhello0\r\n\r\n",
    "G\r\n",
    "fffffffffffffffff\r\nhello",
    "5;x\ny\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
    "5\r\nhello\r\n0\r\nX\r\n\r\n",
    "5\r\nhello\r\n0\r\nX: y\n\r\n",
    "5\r\nhello\r\n0\r\n\n",
    "5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
    "5\r\nhello\r\n-0\r\n\r\n",
    `5;${"x".repeat(5_000)}\r\nhello\r\n0\r\n\r\n`,
    `0\r\nX: ${"y".repeat(20_000)}\r\n\r\n`,
  ].map((body) => breakOff(`a broken chunked body: ${JSON.stringify(body).slice(0, 60)}`, okChunked(body))),

  passOnce("bytes behind a sized body", ok(["Content-Length: 5"], "helloX"), { status: 200, body: "hello" }),
  passOnce(
    "a second answer behind a sized body",
    ok(["Content-Length: 5"], "hello" + ok(["Content-Length: 8"], "poisoned")),
    { status: 200, body: "hello" },
  ),
  passOnce("a second answer behind chunks", okChunked(whole + ok(["Content-Length: 8"], "poisoned")), {
    status: 200,
    body: "hello",
  }),
  passOnce("an empty line behind a sized body", ok(["Content-Length: 5"], "hello\r\n"), { status: 200, body: "hello" }),
  passOnce("a body on HEAD", ok(["Content-Length: 5"], "hello"), { status: 200 }, { method: "HEAD" }),
  passOnce("a chunked body on HEAD", okChunked(whole), { status: 200 }, { method: "HEAD" }),
  passOnce("a body on 204", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", {
    status: 204,
    contentLength: null,
  }),
  passOnce("a chunked body on 204", `HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n${whole}`, {
    status: 204,
  }),
  passOnce("a body on 304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello", { status: 304 }),
];
