/**
 * Answers of upstreams that are lenient: what is repaired and sent on in strict form, and what is refused all the same.
 */
import {
  breakOff,
  fail,
  ok,
  okChunked,
  pass,
  passOnce,
  type ReceivedShape,
  type ResponseFixture,
} from "./response-fixture.ts";

const whole = "5\r\nhello\r\n0\r\n\r\n";
const hello: ReceivedShape = { status: 200, body: "hello" };
const codes = [...Array(32).keys(), 127].filter((code) => ![0, 9, 10, 13].includes(code));
const controls = codes.map((code) => String.fromCharCode(code));
const bare = (text: string): string => text.replaceAll("\r\n", "\n");

const repaired: ResponseFixture[] = [
  passOnce("chunked in HTTP/1.0", `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${whole}`, {
    ...hello,
    framing: "chunked",
  }),
  passOnce(
    "chunked in HTTP/1.0 that is to be kept",
    `HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n${whole}`,
    hello,
  ),
  passOnce("only line feeds", bare(ok(["X: y", "Content-Length: 5"], "hello")), {
    ...hello,
    fields: ["X: y"],
    framing: "length",
  }),
  passOnce("a line feed behind the status line", "HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\nhello", hello),
  passOnce("a line feed behind a field", "HTTP/1.1 200 OK\r\nX: y\nContent-Length: 5\r\n\r\nhello", {
    ...hello,
    fields: ["X: y"],
  }),
  passOnce("a line feed as the empty line", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\nhello", hello),
  passOnce("line feeds, then an empty line of both", "HTTP/1.1 200 OK\nContent-Length: 5\n\r\nhello", hello),
  passOnce(
    "a body with line feeds behind line feeds",
    bare("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n") + "\n\r\n\n",
    { status: 200, body: "\n\r\n\n" },
  ),
  passOnce("only line feeds, chunks included", bare(okChunked(whole)), { ...hello, framing: "chunked" }),
  passOnce("line feeds in chunks alone", okChunked(bare("5;a=b\r\nhello\r\n0;c\r\nX: y\r\n\r\n")), {
    ...hello,
    trailers: ["X: y"],
  }),
  passOnce("a line feed behind data", okChunked("5\r\nhello\n0\r\n\r\n"), hello),
  passOnce("a line feed as the last line", okChunked("5\r\nhello\r\n0\r\n\n"), hello),
  passOnce(
    "line feeds until the connection ends",
    bare(ok(["X: y"], "hello")),
    { ...hello, fields: ["X: y"] },
    { endsOutput: true },
  ),
  passOnce(
    "line feeds in an answer to HEAD",
    bare(ok(["Content-Length: 5"])),
    { status: 200, contentLength: "5" },
    { method: "HEAD" },
  ),
  passOnce(
    "an interim answer with line feeds",
    bare("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n") + bare(ok(["Content-Length: 5"], "hello")),
    { ...hello, interim: [103] },
  ),
  ...controls.flatMap((control) => [
    passOnce(`${JSON.stringify(control)} in a value`, ok([`X: a${control}b`, "Content-Length: 5"], "hello"), {
      ...hello,
      fields: ["X: a b"],
    }),
    passOnce(
      `${JSON.stringify(control)} in the reason`,
      "HTTP/1.1 200 O" + control + "K\r\nContent-Length: 5\r\n\r\nhello",
      { ...hello, reason: "O K" },
    ),
    passOnce(`${JSON.stringify(control)} in a trailer`, okChunked(`5\r\nhello\r\n0\r\nX: a${control}b\r\n\r\n`), {
      ...hello,
      trailers: ["X: a b"],
    }),
  ]),
  passOnce("a folded field", ok(["X: a\r\n b\r\n\t\x01c ", "Content-Length: 5"], "hello"), {
    ...hello,
    fields: ["X: a b c"],
  }),
  passOnce("a folded trailer", okChunked("5\r\nhello\r\n0\r\nX: a\r\n b\r\n\r\n"), { ...hello, trailers: ["X: a b"] }),
  pass("what is in order already", ok(["Content-Length: 5"], "hello"), hello),
  pass("chunks that are in order already", okChunked("5 ; a\r\nhello\r\n0\r\nX: y\r\n\r\n"), {
    ...hello,
    trailers: ["X: y"],
  }),
];

const refused: ResponseFixture[] = [
  fail("a carriage return in a value", ok(["X: a\rb", "Content-Length: 2"], "ok")),
  fail(
    "a carriage return in a value, between line feeds",
    bare("HTTP/1.1 200 OK\r\n") + "X: a\rb\nContent-Length: 2\n\nok",
  ),
  fail("two carriage returns behind a line", "HTTP/1.1 200 OK\r\r\nContent-Length: 2\r\n\r\nok"),
  fail("NUL in a value", ok(["X: a\0b", "Content-Length: 2"], "ok")),
  fail("NUL in the reason", "HTTP/1.1 200 O\0K\r\nContent-Length: 2\r\n\r\nok"),
  ...controls
    .slice(0, 12)
    .flatMap((control) => [
      fail(`${JSON.stringify(control)} in a length`, ok([`Content-Length: ${control}5`], "hello")),
      fail(`${JSON.stringify(control)} in a coding`, ok([`Transfer-Encoding: ${control}chunked`], whole)),
      fail(
        `${JSON.stringify(control)} in a connection option`,
        ok([`Connection: close${control}`, "Content-Length: 5"], "hello"),
      ),
      fail(`${JSON.stringify(control)} in a name`, ok([`X${control}: a`, "Content-Length: 2"], "ok")),
      fail(`${JSON.stringify(control)} in the version`, `HTTP/1.${control} 200 OK\r\nContent-Length: 2\r\n\r\nok`),
    ]),
  fail("a folded length", ok(["Content-Length: 5\r\n 5"], "hello")),
  fail("a folded coding", ok(["Transfer-Encoding:\r\n chunked"], whole)),
  fail("white space before the first field", ok([" X: a", "Content-Length: 2"], "ok")),
  fail("white space before a colon", ok(["X : a", "Content-Length: 2"], "ok")),
  fail("white space before a colon, between line feeds", bare(ok(["Content-Length : 2"], "ok"))),
  fail("no colon", bare(ok(["foo", "Content-Length: 2"], "ok"))),
  fail("lengths that differ", bare(ok(["Content-Length: 5", "Content-Length: 6"], "hello"))),
  fail("Content-Length and Transfer-Encoding", bare(ok(["Content-Length: 5", "Transfer-Encoding: chunked"], whole))),
  fail(
    "Content-Length and chunked in HTTP/1.0",
    `HTTP/1.0 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${whole}`,
  ),
  fail("an unknown coding in HTTP/1.0", `HTTP/1.0 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n${whole}`),
  fail("an empty line before the status line", `\n${ok(["Content-Length: 2"], "ok")}`),
  fail("no status line", "hello\n\nworld", { endsOutput: true }),
  fail("a head that never ends", `HTTP/1.1 200 OK\nX: ${"y\n ".repeat(70_000)}`),
  fail(
    "2,000 fields",
    bare(ok([...Array.from({ length: 2_000 }, (_, at) => `X-${at}: y`), "Content-Length: 2"], "ok")),
  ),
  fail("a cut head", "HTTP/1.1 200 OK\nContent-Length: 2\n", { endsOutput: true }),
  ...[
    "5\r\nhelloX\r\n0\r\n\r\n",
    " 5\nhello\n0\n\n",
    "5\n\nhello\n0\n\n",
    "5\rhello\n0\n\n",
    "5\nhello\r0\n\n",
    "5;\nhello\n0\n\n",
    "5;a\r=b\nhello\n0\n\n",
    "5\nhello\n0\nX : y\n\n",
    "5\nhello\n0\n X: y\n\n",
    "5\nhello\n0\nX: a\rb\n\n",
    "5\nhello\n0\nContent-Length: 5\n\n",
    `0\nX: ${"y\n ".repeat(20_000)}\n\n`,
  ].map((body) => breakOff(`a broken chunked body: ${JSON.stringify(body).slice(0, 60)}`, okChunked(body))),
];

export const lenientResponses: readonly ResponseFixture[] = [...repaired, ...refused];
