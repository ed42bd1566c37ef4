/** Ordinary requests (RFC 9112 sections 3 and 9.3): versions, persistence, methods. */
import { forward, get, type RequestFixture } from "./request-fixture.ts";

const plain = (line: string, ...fields: string[]): string =>
  `${line}\r\nHost: a\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n`;

export const validFixtures: RequestFixture[] = [
  forward("a plain GET", get(), { line: "GET /" }),
  forward("Connection: close", get("Connection: close"), { line: "GET /" }, { closes: true }),
  forward("Connection: Close among others", get("Connection: x, Close"), { line: "GET /" }, { closes: true }),
  forward("Connection: keep-alive, close", get("Connection: keep-alive, close"), { line: "GET /" }, { closes: true }),
  forward(
    "close in a second Connection field",
    get("Connection: keep-alive", "Connection: close"),
    { line: "GET /" },
    { closes: true },
  ),
  forward("a word that only holds close", get("Connection: disclose, closed"), { line: "GET /" }),
  forward("HTTP/1.0", plain("GET / HTTP/1.0"), { line: "GET /" }, { closes: true }),
  forward("HTTP/1.0 kept", plain("GET / HTTP/1.0", "Connection: keep-alive"), { line: "GET /" }),
  forward("HTTP/1.0 kept, in other case, among others", plain("GET / HTTP/1.0", "Connection: x, Keep-Alive"), {
    line: "GET /",
  }),
  forward(
    "HTTP/1.0 kept and closed",
    plain("GET / HTTP/1.0", "Connection: keep-alive, close"),
    { line: "GET /" },
    { closes: true },
  ),
  forward("HTTP/1.0 without Host", "GET /x HTTP/1.0\r\n\r\n", { line: "GET /x", host: "*" }, { closes: true }),
  forward(
    "HTTP/1.0 with a body",
    "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    { line: "POST /", framing: "length", body: "hello" },
    { closes: true },
  ),
  { ...forward("HEAD", plain("HEAD /x HTTP/1.1"), { line: "HEAD /x" }), isHead: true },
  { ...forward("HEAD in HTTP/1.0", plain("HEAD /x HTTP/1.0"), { line: "HEAD /x" }, { closes: true }), isHead: true },
  ...[
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "PROPFIND",
    "REPORT",
    "M-SEARCH",
    "QUERY",
    "get",
    "!#$%&'*+-.^_`|~09AZaz",
  ].map((method) => forward(`the method ${method}`, plain(`${method} /m HTTP/1.1`), { line: `${method} /m` })),
];
