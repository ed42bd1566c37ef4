/**
 * The request line and the fields (RFC 9112 sections 2.2, 3 and 5; RFC 9110 section 5): CRLF only, tokens only, sizes
 * bounded.
 */
import { forward, get, refuse, type RequestFixture } from "./request-fixture.ts";

const controls = [...Array(32).keys(), 127]
  .filter((code) => code !== 9 && code !== 10 && code !== 13)
  .map((code) => String.fromCharCode(code));

/** Bytes that no field name may hold. */
const notToken = [...' \t"(),/;<=>?@[\\]{}\x7f\x80\xff'];

const manyFields = (count: number): string => get(...Array.from({ length: count - 1 }, (_, at) => `X-${at}: y`));

export const fieldFixtures: RequestFixture[] = [
  refuse("a folded field", get("X: a\r\n b")),
  refuse("a field folded with a tab", get("X: a\r\n\tb")),
  refuse("a folded empty line", get("X: a\r\n \r\nY: b")),
  refuse("white space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
  refuse("a space line before the first field", "GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n"),
  refuse("a line feed behind the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"),
  refuse("a line feed behind a field", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"),
  refuse("a line feed behind the last field", "GET / HTTP/1.1\r\nHost: a\n\r\n"),
  refuse("a line feed as the last line", "GET / HTTP/1.1\r\nHost: a\r\n\n"),
  refuse("only line feeds", "GET / HTTP/1.1\nHost: a\n\n"),
  refuse("a carriage return within a value", get("X: a\rb")),
  refuse("a carriage return at the end of a value", get("X: a\r")),
  refuse("a carriage return at the start of a line", get("\rX: a")),
  refuse("a carriage return behind the request line", "GET / HTTP/1.1\rHost: a\r\n\r\n"),
  refuse("two carriage returns behind the request line", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
  refuse("a carriage return within a name", get("X\rY: a")),
  refuse("a line feed within a value", get("X: a\nSmuggled: b")),
  ...controls.flatMap((control) => [
    refuse(`${JSON.stringify(control)} within a value`, get(`X: a${control}b`)),
    refuse(`${JSON.stringify(control)} within a name`, get(`X${control}: b`)),
    refuse(`${JSON.stringify(control)} within the method`, `G${control}T / HTTP/1.1\r\nHost: a\r\n\r\n`),
    refuse(`${JSON.stringify(control)} within the target`, `GET /a${control}b HTTP/1.1\r\nHost: a\r\n\r\n`),
  ]),
  refuse("NUL at the start", "\0GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
  refuse("NUL as the last byte of a line", get("X: a\0")),
  refuse("NUL in Host", "GET / HTTP/1.1\r\nHost: a\0\r\n\r\n"),
  ...notToken.map((byte) => refuse(`${JSON.stringify(byte)} within a name`, get(`X${byte}Y: a`))),
  refuse("an empty name", get(": a")),
  refuse("only a colon", get(":")),
  refuse("no colon", get("foo")),
  refuse("no colon on the last line", "GET / HTTP/1.1\r\nHost: a\r\nfoo\r\n\r\n"),
  refuse("a request line among the fields", get("GET /admin HTTP/1.1")),
  refuse("a request line with a colon among the fields", get("GET http://b/ HTTP/1.1")),
  refuse("a space before the colon", get("X : a")),
  refuse("a tab before the colon", get("X\t: a")),

  ...[
    "",
    " ",
    "GET",
    "GET ",
    "GET /",
    " GET / HTTP/1.1",
    "GET  / HTTP/1.1",
    "GET /  HTTP/1.1",
    "GET\t/\tHTTP/1.1",
    "GET\x0b/ HTTP/1.1",
    "GET /a b HTTP/1.1",
    "GET / HTTP/1.1 x",
    "G(T / HTTP/1.1",
    "GET: / HTTP/1.1",
    "/ HTTP/1.1",
    "\xc7ET / HTTP/1.1",
    "G,T / HTTP/1.1",
    '"GET" / HTTP/1.1',
  ]
    .filter((line) => line !== "")
    .map((line) => refuse(`the request line ${JSON.stringify(line)}`, `${line}\r\nHost: a\r\n\r\n`, 400, 505)),
  refuse("a method of 2,000 letters", `${"M".repeat(2_000)} / HTTP/1.1\r\nHost: a\r\n\r\n`, 400, 431, 414),

  refuse("101 fields", manyFields(101), 431),
  refuse("5,000 fields", manyFields(5_000), 431),
  refuse("a value of 17 KiB", get(`X: ${"y".repeat(17 * 1024)}`), 431),
  refuse("a value of 100 KiB", get(`X: ${"y".repeat(100 * 1024)}`), 431),
  refuse("a head that never ends", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"y".repeat(40_000)}`, 431),
  refuse("a name that never ends", `GET / HTTP/1.1\r\nHost: a\r\n${"y".repeat(40_000)}`, 431, 400),
  refuse("a target of 17 KiB", `GET /${"y".repeat(17 * 1024)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414),
  refuse("a target that never ends", `GET /${"y".repeat(40_000)}`, 414),
  refuse("a method that never ends", "M".repeat(40_000), 400, 431, 414),
  refuse("40,000 empty lines before the request", "\r\n".repeat(20_000), 400, 431),

  forward("100 fields", manyFields(100), {
    line: "GET /",
    fields: Array.from({ length: 99 }, (_, at) => `X-${at}: y`),
  }),
  forward("a value of 12 KiB", get(`X: ${"y".repeat(12 * 1024)}`), {
    line: "GET /",
    fields: [`X: ${"y".repeat(12 * 1024)}`],
  }),
  forward("one empty line before the request", `\r\n${get()}`, { line: "GET /" }),
  forward(
    "names of prototypes",
    get("__proto__: a", "constructor: b", "0: c", "length: d", "toString: e", "hasOwnProperty: f"),
    {
      line: "GET /",
      fields: ["__proto__: a", "constructor: b", "0: c", "length: d", "toString: e", "hasOwnProperty: f"],
    },
  ),
  forward("all letters of a token", get("!#$%&'*+-.^_`|~09AZaz: v"), {
    line: "GET /",
    fields: ["!#$%&'*+-.^_`|~09AZaz: v"],
  }),
  forward("repeated fields in order and case", get("X-A: 1", "x-b: 2", "X-a: 3", "X-A: 4"), {
    line: "GET /",
    fields: ["X-A: 1", "x-b: 2", "X-a: 3", "X-A: 4"],
  }),
  forward("values with obs-text", get("X: caf\xe9 \x80\xff"), { line: "GET /", fields: ["X: caf\xe9 \x80\xff"] }),
  forward("empty values and values of white space", get("X:", "Y: ", "Z: \t "), {
    line: "GET /",
    fields: ["X: ", "Y: ", "Z: "],
  }),
  forward("white space around a value", get("X:\ta b\t c  "), { line: "GET /", fields: ["X: a b\t c"] }),
  forward("a value with colons and quotes", get('X: a:b: "c,d"; (e)'), {
    line: "GET /",
    fields: ['X: a:b: "c,d"; (e)'],
  }),

  forward("Proxy is dropped", get("Proxy: http://evil/", "X: y"), { line: "GET /", fields: ["X: y"] }),
  ...[
    "X_Forwarded_For: 1.2.3.4",
    "X_Forwarded-For: 1.2.3.4",
    "X_Forwarded_Proto: https",
    "X_Forwarded_Host: evil",
    "X_Real_IP: 1.2.3.4",
    "X-Real_IP: 1.2.3.4",
    "Content_Length: 5",
    "Content_length: 5",
    "Transfer_Encoding: chunked",
    "X_Request_ID: z",
  ]
    .concat(
      "X.Forwarded.For: 1.2.3.4",
      "X-Forwarded.Proto: https",
      "Client.IP: 1.2.3.4",
      "Client_IP: 1.2.3.4",
      "Content.Length: 5",
      "Transfer.Encoding: chunked",
      "X.Request_ID: z",
      "Keep.Alive: x",
      "X!Forwarded!For: 1.2.3.4",
      "X~Real~IP: 1.2.3.4",
      "Content|Length: 5",
      "X^Original^URL: /admin",
      "True'Client'IP: 1.2.3.4",
    )
    .map((line) => forward(`the alias ${line} is dropped`, get(line, "X: y"), { line: "GET /", fields: ["X: y"] })),
  forward("other names with underscores and dots travel", get("my_field: 1", "my.field: 2", "content.length.x: 3"), {
    line: "GET /",
    fields: ["my_field: 1", "my.field: 2", "content.length.x: 3"],
  }),
];
