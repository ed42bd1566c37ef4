/** The chunked coding of requests (RFC 9112 section 7.1): read to the letter, written anew. */
import { chunked, forward, post, refuse, type RequestFixture } from "./request-fixture.ts";

const badSizes = ["0x5", "+5", "-5", "5_0", " 5", "5 5", "5z", "", "G", "5.0", "\"5\"", "5,", "\t5", "0x", "00000000000000005", "ffffffffffffffff", "fffffffffffffffff", "1000000000000"];

const hello = (body: string, more: { fields?: string[]; trailers?: string[] } = {}) => ({ line: "POST /", framing: "chunked" as const, body, ...more });

/** Trailer fields that must not travel: they would frame, route, authenticate or vouch (RFC 9110 section 6.5.1). */
const badTrailers = ["Host: evil", "Authorization: Basic eDp5", "X-Forwarded-For: 1.2.3.4", "Forwarded: for=1.2.3.4", "Connection: close", "Via: 1.1 x", "Cookie: a=b",
  "Content-Type: text/html", "Content-Encoding: gzip", "Te: trailers", "Trailer: x", "Proxy-Authorization: x", "X-Request-ID: evil", "Expect: 100-continue", "Upgrade: websocket", "Keep-Alive: x", "Proxy: x", "X-Real-IP: 1.2.3.4", "X_Forwarded_For: 1.2.3.4",
  "X.Forwarded.For: 1.2.3.4", "X.Real_IP: 1.2.3.4", "Set_Cookie: a=b", "content.type: text/html", "Content-Language: en", "Content_Length: 5", "Transfer.Encoding: chunked", "X-HTTP-Method-Override: DELETE", "X-Original-URL: /admin",
  "If-Match: x", "Range: bytes=0-1", "Cache-Control: no-store", "Sec-Fetch-Site: none", "Origin: http://a", "Max-Forwards: 0", "HTTP2-Settings: x", "Accept-Encoding: gzip", "Priority: u=0", "User-Agent: x"];

/** Trailer fields that applications use. */
const goodTrailers = ["X-Sum: 1", "Content-Digest: sha-256=:x:", "Content-MD5: x", "Digest: x", "Repr-Digest: x", "ETag: \"x\"", "Server-Timing: a;dur=1", "grpc-status: 0", "grpc-message: ok", "grpc-status-details-bin: x",
  "x-amz-checksum-crc32: x", "X_Sum: 1", "Signature: x", "x.y: z"];

export const chunkFixtures: RequestFixture[] = [
  ...badSizes.map((size) => refuse(`the chunk size ${JSON.stringify(size)}`, chunked(`${size}\r\nhello\r\n0\r\n\r\n`))),
  ...["0x0", "+0", "-0", "0 ,", "0_", "00000000000000000"].map((size) => refuse(`the last chunk ${JSON.stringify(size)}`, chunked(`5\r\nhello\r\n${size}\r\n\r\n`))),
  refuse("a line feed behind the size", chunked("5\nhello\r\n0\r\n\r\n")),
  refuse("a line feed behind an extension", chunked("5;x=y\nhello\r\n0\r\n\r\n")),
  refuse("a line feed within an extension", chunked("5;x\n=y\r\nhello\r\n0\r\n\r\n")),
  refuse("a line feed behind data", chunked("5\r\nhello\n0\r\n\r\n")),
  refuse("a line feed behind the last chunk", chunked("5\r\nhello\r\n0\n\r\n")),
  refuse("a line feed as the last line", chunked("5\r\nhello\r\n0\r\n\n")),
  refuse("only line feeds", chunked("5\nhello\n0\n\n")),
  refuse("a carriage return behind the size", chunked("5\rhello\r\n0\r\n\r\n")),
  refuse("a carriage return behind data", chunked("5\r\nhello\r0\r\n\r\n")),
  refuse("two carriage returns behind the size", chunked("5\r\r\nhello\r\n0\r\n\r\n")),
  refuse("a carriage return within an extension", chunked("5;x\ry\r\nhello\r\n0\r\n\r\n")),
  refuse("NUL within an extension", chunked("5;x\0y\r\nhello\r\n0\r\n\r\n")),
  refuse("NUL behind the size", chunked("5\0\r\nhello\r\n0\r\n\r\n")),
  refuse("data longer than its size", chunked("5\r\nhelloX\r\n0\r\n\r\n")),
  refuse("data shorter than its size", chunked("6\r\nhello\r\n0\r\n\r\n")),
  refuse("data shorter by one, with CR as data", chunked("7\r\nhello\r\n0\r\n\r\n")),
  refuse("an extra line behind data", chunked("5\r\nhello\r\n\r\n0\r\n\r\n")),
  refuse("an extra line before the first chunk", chunked("\r\n5\r\nhello\r\n0\r\n\r\n")),
  refuse("other bytes in place of the line end behind data", chunked("5\r\nhelloXX0\r\n\r\n")),
  ...["5 \r\nhello\r\n0\r\n\r\n", "5\t\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0 \r\n\r\n", "5   \r\nhello\r\n0\r\n\r\n"].map((body) => refuse(`white space behind a size and nothing else: ${JSON.stringify(body)}`, chunked(body))),
  ...[";a=b ", ";a ", ";a=\"b\"\t", " ;", "; ", " ; ;a", ";=b", ";a=", ";a= ", ";a b", ";a=b c", ";a=\"b", ";a=\"b\"c", ";a=\"b\\", ";a=\"\x01\"", ";a=\x7f", "\x0b;a", ";\x0ca", ";\xa0a", ";a=\"\0\"", " \0;a", ";a\r=b", "; \n a"]
    .map((extension) => refuse(`the extension ${JSON.stringify(extension)}`, chunked(`5${extension}\r\nhello\r\n0\r\n\r\n`))),
  refuse("5,000 blanks before an extension", chunked(`5${" ".repeat(5_000)};a\r\nhello\r\n0\r\n\r\n`), 400, 413),
  refuse("5,000 tabs within an extension", chunked(`5;a${"\t".repeat(5_000)}=b\r\nhello\r\n0\r\n\r\n`), 400, 413),
  refuse("40 KB of blanks in small chunks", chunked(`1${" ".repeat(30)};a\r\na\r\n`.repeat(1_200)), 400, 413),
  refuse("an extension line of 5,000 bytes", chunked(`5;x=${"y".repeat(5_000)}\r\nhello\r\n0\r\n\r\n`), 400, 413),
  refuse("an extension line of 100,000 bytes without an end", chunked(`5;x=${"y".repeat(100_000)}`), 400, 413),
  refuse("40 KB of extensions in small chunks", chunked("1;x=0123456789012345678901234567\r\na\r\n".repeat(1_200)), 400, 413),

  refuse("a trailer without a colon", chunked("0\r\nfoo\r\n\r\n")),
  refuse("a trailer with a space before the colon", chunked("0\r\nA : b\r\n\r\n")),
  refuse("a folded trailer", chunked("0\r\nA: b\r\n c\r\n\r\n")),
  refuse("a trailer beginning with white space", chunked("0\r\n A: b\r\n\r\n")),
  refuse("a line feed within trailers", chunked("0\r\nA: b\nC: d\r\n\r\n")),
  refuse("a carriage return within trailers", chunked("0\r\nA: b\rc\r\n\r\n")),
  refuse("NUL within trailers", chunked("0\r\nA: b\0\r\n\r\n")),
  refuse("an empty trailer name", chunked("0\r\n: b\r\n\r\n")),
  refuse("a trailer that frames: Content-Length", chunked("5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n")),
  refuse("a trailer that frames: Transfer-Encoding", chunked("5\r\nhello\r\n0\r\nX: y\r\ntransfer-encoding: chunked\r\n\r\n")),
  refuse("trailers of 20 KB", chunked(`0\r\nA: ${"x".repeat(20_000)}\r\n\r\n`), 400, 431, 413),
  refuse("3,000 trailer lines", chunked(`0\r\n${"A: bcdefghij\r\n".repeat(3_000)}\r\n`), 400, 431, 413),

  forward("chunks in several sizes", chunked("1\r\na\r\nA\r\n0123456789\r\n2\r\nbc\r\n0\r\n\r\n"), hello("a0123456789bc")),
  forward("a size in upper and lower case", chunked(`1A\r\n${"x".repeat(26)}\r\n1a\r\n${"y".repeat(26)}\r\n0\r\n\r\n`), hello("x".repeat(26) + "y".repeat(26))),
  forward("leading zeros", chunked("0000005\r\nhello\r\n000\r\n\r\n"), hello("hello")),
  forward("extensions are dropped", chunked("5;a=b;c=\"d\"\r\nhello\r\n0;last\r\n\r\n"), hello("hello")),
  ...[" ; a = b", "\t;a", " ;a", "; a", ";a =b", ";a= b", ";a\t=\t\"b\"", ";a ;b", " \t ; a \t = \t \"x;y=z\\\" \\\\ \xe9\" ; c", ";a;b=c ; d=\"\"", ";a=\"0\""]
    .map((extension) => forward(`white space in the extension ${JSON.stringify(extension)} is dropped with it`, chunked(`5${extension}\r\nhello\r\n0${extension}\r\n\r\n`), hello("hello"))),
  forward("data that looks like chunks", chunked("A\r\n0\r\n\r\n12345\r\n0\r\n\r\n"), hello("0\r\n\r\n12345")),
  forward("trailers travel", post(["Trailer: X-Sum", "Transfer-Encoding: chunked"], "5\r\nhello\r\n0\r\nX-Sum: 1\r\nx-sum:  2 \r\n\r\n"), hello("hello", { fields: ["Trailer: X-Sum"], trailers: ["X-Sum: 1", "x-sum: 2"] })),
  ...goodTrailers.map((line) => forward(`the trailer ${line} travels`, chunked(`5\r\nhello\r\n0\r\n${line}\r\n\r\n`), hello("hello", { trailers: [line] }))),
  forward("a trailer that Connection names does not travel", post(["Connection: X-Hop, keep-alive, x-two", "Transfer-Encoding: chunked"], "5\r\nhello\r\n0\r\nX-Sum: 1\r\nx-hop: 2\r\nX-Two: 3\r\nX-Hop-Not: 4\r\n\r\n"),
    hello("hello", { trailers: ["X-Sum: 1", "X-Hop-Not: 4"] })),
  forward("nor is it announced, as little as others that do not travel", post(["Connection: X-Hop", "Trailer: X-Hop, X-Sum, Cookie", "trailer: Host", "Transfer-Encoding: chunked"], "5\r\nhello\r\n0\r\nX-Hop: 2\r\n\r\n"),
    hello("hello", { fields: ["Trailer: x-sum"], trailers: [] })),
  ...badTrailers.map((line) => forward(`the trailer ${line} does not travel`, chunked(`5\r\nhello\r\n0\r\nX-Sum: 1\r\n${line}\r\n\r\n`), hello("hello", { trailers: ["X-Sum: 1"] }))),
  forward("a trailer named __proto__", chunked("0\r\n__proto__: x\r\nconstructor: y\r\n\r\n"), hello("", { trailers: ["__proto__: x", "constructor: y"] })),
];
