/**
 * Request framing (RFC 9112 sections 2.3, 6 and 8): every doubt about where a message ends is a 400 and a closed
 * connection.
 */
import { chunked, forward, post, refuse, refuseEnded, type RequestFixture } from "./request-fixture.ts";

const whole = "5\r\nhello\r\n0\r\n\r\n";
const coded = (value: string): string => post([`Transfer-Encoding: ${value}`], whole);
const sized = (value: string): string => post([`Content-Length: ${value}`], "hello");

const notChunked = [
  "xchunked",
  "chunked, identity",
  "identity, chunked",
  "gzip, chunked",
  "chunked, gzip",
  "chunked, chunked",
  ",chunked",
  "chunked,",
  '"chunked"',
  "chunked;q=1",
  "chunked;",
  "",
  ",",
  "identity",
  "gzip",
  "chunked chunked",
  "chunkedx",
  "chunke",
  "x-chunked",
  "\xa0chunked",
  "chunked\xa0",
  "chunked\x85",
  "'chunked'",
];

const badLengths = [
  "+5",
  "-5",
  "0x5",
  "5,6",
  "5_0",
  "5.0",
  '"5"',
  "",
  "5 5",
  "5;",
  "\xa05",
  "5\x85",
  "\xd9\xa5",
  "5e0",
  "5L",
  "05",
  "00047",
  "+0",
  "-0",
  "5,5",
  "5, 5",
  ",5",
  "5,",
  "NaN",
  "Infinity",
];

const names: RequestFixture[] = [
  "Content-Length\x85: 5",
  "Transf\x82r-Encoding: chunked",
  "Transfer Encoding: chunked",
  "Content Length: 5",
  "Content-\r\n Length: 5",
  "Content-Length\0: 5",
  "\x0bContent-Length: 5",
  "Transfer-Encoding\x0b: chunked",
  "Content-Length\xa0: 5",
  "Content-Length : 5",
  "Content-Length\t: 5",
  "Transfer-Encoding : chunked",
  "Transfer-Encoding\t: chunked",
  " Content-Length: 5",
].map((line) => refuse(`the look-alike ${JSON.stringify(line)}`, post([line], whole)));

export const framingFixtures: RequestFixture[] = [
  refuse("Content-Length and Transfer-Encoding", post(["Content-Length: 5", "Transfer-Encoding: chunked"], whole)),
  refuse("Transfer-Encoding and Content-Length", post(["Transfer-Encoding: chunked", "Content-Length: 5"], whole)),
  refuse("Transfer-Encoding and Content-Length: 0", post(["Transfer-Encoding: chunked", "Content-Length: 0"], whole)),
  refuse(
    "Transfer-Encoding and an empty Content-Length",
    post(["Transfer-Encoding: chunked", "Content-Length:"], whole),
  ),
  refuse(
    "Content-Length and an unknown coding",
    post(["Content-Length: 5", "Transfer-Encoding: xchunked"], whole),
    400,
    501,
  ),

  ...notChunked.map((value) => refuse(`the coding ${JSON.stringify(value)}`, coded(value), 400, 501)),
  ...[
    "\x0bchunked",
    "\x0cchunked",
    "chunked\x0b",
    "chunked\0",
    "chun\0ked",
    "\x7fchunked",
    "chunked\r",
    "chunked\n",
  ].map((value) => refuse(`the coding ${JSON.stringify(value)}`, coded(value))),
  refuse("two codings chunked", post(["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], whole), 400, 501),
  refuse(
    "the codings identity, then chunked",
    post(["Transfer-Encoding: identity", "Transfer-Encoding: chunked"], whole),
    400,
    501,
  ),
  refuse(
    "the codings chunked, then identity",
    post(["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], whole),
    400,
    501,
  ),
  refuse("an empty coding, then chunked", post(["Transfer-Encoding:", "Transfer-Encoding: chunked"], whole), 400, 501),
  refuse(
    "two codings apart, in other case",
    post(["Transfer-Encoding: chunked", "X: y", "transfer-encoding: chunked"], whole),
    400,
    501,
  ),
  refuse("a folded coding", post(["Transfer-Encoding:\r\n chunked"], whole)),
  refuse("a coding on GET that is not chunked", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n", 400, 501),
  refuse("chunked in HTTP/1.0", `POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${whole}`),
  refuse(
    "chunked in kept HTTP/1.0",
    `POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n${whole}`,
  ),
  refuse("identity in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 400, 501),

  ...badLengths.map((value) => refuse(`the length ${JSON.stringify(value)}`, sized(value))),
  ...["5\0", "\x0b5", "5\x0c", "5\r", "5\n"].map((value) =>
    refuse(`the length ${JSON.stringify(value)}`, sized(value)),
  ),
  ...["9007199254740993", "18446744073709551621", "99999999999999999999", "1".repeat(1000)].map((value) =>
    refuse(`the length ${value.slice(0, 24)} (${value.length} digits)`, sized(value), 400, 413),
  ),
  refuse("two lengths that differ", post(["Content-Length: 5", "Content-Length: 6"], "hello")),
  refuse("two lengths that differ, in other case", post(["Content-Length: 5", "content-length: 0"], "hello")),
  refuse("two equal lengths", post(["Content-Length: 5", "Content-Length: 5"], "hello")),
  refuse("a length and an empty length", post(["Content-Length: 5", "Content-Length:"], "hello")),
  refuse("an empty length and a length", post(["Content-Length:", "CONTENT-LENGTH: 5"], "hello")),
  refuse("a folded length", post(["Content-Length:\r\n 5"], "hello")),
  refuse(
    "two equal lengths apart on GET",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nX: y\r\nContent-Length: 0\r\n\r\n",
  ),
  ...names,

  forward(
    "an underscore length without a body is dropped",
    "GET / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\nTransfer_Encoding: chunked\r\nX: y\r\n\r\n",
    { line: "GET /", fields: ["X: y"] },
  ),

  ...["GET", "HEAD", "DELETE", "OPTIONS", "PUT", "PATCH", "PROPFIND", "X-OWN"].flatMap((method) => [
    forward(`a sized body on ${method}`, `${method} /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`, {
      line: `${method} /b`,
      framing: "length",
      body: "hello",
    }),
    forward(
      `a chunked body on ${method}`,
      `${method} /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${whole}`,
      { line: `${method} /b`, framing: "chunked", body: "hello" },
    ),
  ]),
  forward("an empty sized body", post(["Content-Length: 0"]), { line: "POST /", framing: "length", body: "" }),
  forward("an empty chunked body", chunked("0\r\n\r\n"), { line: "POST /", framing: "chunked", body: "" }),
  ...["CHUNKED", "Chunked", "\tchunked \t", "  chunked"].map((value) =>
    forward(`the coding ${JSON.stringify(value)}`, coded(value), { line: "POST /", framing: "chunked", body: "hello" }),
  ),
  forward("a length in white space", post(["Content-Length: \t 5 \t"], "hello"), {
    line: "POST /",
    framing: "length",
    body: "hello",
  }),
  forward("a length without white space", post(["content-length:5"], "hello"), {
    line: "POST /",
    framing: "length",
    body: "hello",
  }),
  forward(
    "a body that looks like a request",
    post(["Content-Length: 35"], "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
    { line: "POST /", framing: "length", body: "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n" },
  ),

  forward("Connection naming Content-Length", post(["Connection: Content-Length", "Content-Length: 5"], "hello"), {
    line: "POST /",
    framing: "length",
    body: "hello",
  }),
  forward(
    "Connection naming Transfer-Encoding",
    post(["Connection: Transfer-Encoding", "Transfer-Encoding: chunked"], whole),
    { line: "POST /", framing: "chunked", body: "hello" },
  ),

  refuseEnded("a sized body cut short", post(["Content-Length: 6"], "hello"), 400, 0),
  refuseEnded("a sized body that never came", post(["Content-Length: 1"]), 400, 0),
  refuseEnded("a chunked body cut within data", chunked("6\r\nhello"), 400, 0),
  refuseEnded("a chunked body cut before the last chunk", chunked("5\r\nhello\r\n"), 400, 0),
  refuseEnded("a chunked body cut within the last chunk", chunked("5\r\nhello\r\n0\r\n"), 400, 0),
  refuseEnded("a chunked body cut within trailers", chunked("5\r\nhello\r\n0\r\nA: b\r\n"), 400, 0),
  refuseEnded("a head cut short", "GET / HTTP/1.1\r\nHost: a\r\n", 400, 0),
  refuseEnded("a request line cut short", "GET / HTT", 400, 0),

  refuse("HTTP/0.9", "GET /\r\n\r\n", 400, 505),
  refuse("HTTP/0.9 with a version", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505, 400),
  refuse("HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400),
  refuse("HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
  refuse("HTTP/3.0", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
  refuse("HTTP/9.9", "GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505),
  ...[
    "HTTP/1",
    "HTTP/1.",
    "HTTP/.1",
    "http/1.1",
    "HTTP/1.1 ",
    "HTTP/01.1",
    "HTTP/1,1",
    "HTTPS/1.1",
    "HTTP /1.1",
    "HTTP/1.1x",
    "HTTP/+1.1",
    "HTTP/1.1\t",
    "XHTTP/1.1",
    "HTTP/2",
  ].map((version) => refuse(`the version ${JSON.stringify(version)}`, `GET / ${version}\r\nHost: a\r\n\r\n`, 400, 505)),
  refuse("the preface of HTTP/2 on a plain connection", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, 400),
  forward("HTTP/1.2 is read as HTTP/1.1", "GET /x HTTP/1.2\r\nHost: a\r\n\r\n", { line: "GET /x" }),
];
