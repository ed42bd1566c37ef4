/**
 * Upgrade and Expect (RFC 9110 sections 7.8 and 10.1.1, RFC 6455): nothing switches that was not asked for in the one
 * allowed way.
 */
import { forward, get, post, refuse, type RequestFixture } from "./request-fixture.ts";

const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const version = "Sec-WebSocket-Version: 13";

/** The request is served as an ordinary one: Upgrade is not continued. */
const ordinary = (
  name: string,
  request: string,
  shape: RequestFixture["forwarded"],
  more: { closes?: true } = {},
): RequestFixture =>
  forward(
    `${name} is an ordinary request`,
    request,
    { line: "GET /", ...shape, made: { upgrade: null, ...shape?.made } },
    more,
  );

export const switchingFixtures: RequestFixture[] = [
  ordinary(
    "Upgrade: h2c",
    get("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
    { line: "GET /" },
  ),
  ordinary("Upgrade: h2c without HTTP2-Settings", get("Connection: Upgrade", "Upgrade: h2c"), { line: "GET /" }),
  ordinary("Upgrade: h2c, websocket", get("Connection: Upgrade", "Upgrade: h2c, websocket", "X: y"), {
    line: "GET /",
    fields: ["X: y"],
  }),
  ordinary("Upgrade: TLS/1.0", get("Connection: Upgrade", "Upgrade: TLS/1.0"), { line: "GET /" }),
  ordinary("Upgrade without Connection", get("Upgrade: websocket", "X: y"), { line: "GET /", fields: ["X: y"] }),
  ordinary(
    "Upgrade in HTTP/1.0",
    `GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX: y\r\n\r\n`,
    { line: "GET /", fields: ["X: y"] },
    { closes: true },
  ),
  ordinary(
    "a WebSocket handshake with a body",
    get("Connection: Upgrade", "Upgrade: websocket", key, version, "Content-Length: 5") + "hello",
    { line: "GET /", fields: [key, version], framing: "length", body: "hello" },
  ),
  ordinary(
    "a WebSocket handshake with a chunked body",
    get("Connection: Upgrade", "Upgrade: websocket", key, version, "Transfer-Encoding: chunked") +
      "5\r\nhello\r\n0\r\n\r\n",
    { line: "GET /", fields: [key, version], framing: "chunked", body: "hello" },
  ),
  ordinary(
    "a WebSocket handshake with POST",
    post(["Connection: Upgrade", "Upgrade: websocket", key, version, "Content-Length: 0"]),
    { line: "POST /", fields: [key, version] },
  ),

  refuse("an unknown expectation", post(["Expect: 200-ok", "Content-Length: 5"], "hello"), 417),
  refuse("two expectations", post(["Expect: 100-continue, x=y", "Content-Length: 5"], "hello"), 417),
  forward("Expect: 100-continue with the body at once", post(["Expect: 100-continue", "Content-Length: 5"], "hello"), {
    line: "POST /",
    framing: "length",
    body: "hello",
  }),
  forward(
    "Expect in other case, chunked",
    post(["expect: 100-Continue", "Transfer-Encoding: chunked"], "5\r\nhello\r\n0\r\n\r\n"),
    { line: "POST /", framing: "chunked", body: "hello" },
  ),
  forward(
    "Expect in HTTP/1.0 is ignored",
    "POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
    { line: "POST /", framing: "length", body: "hello" },
    { closes: true },
  ),
  forward("Expect: 100-continue without a body", get("Expect: 100-continue"), { line: "GET /" }),
];
