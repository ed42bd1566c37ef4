/** Answers that are in order (RFC 9110 section 15, RFC 9112 sections 6 and 9), and what the client gets of them. */
import { ok, okChunked, pass, passOnce, type ResponseFixture } from "./response-fixture.ts";

const gone = (...lines: string[]): ResponseFixture =>
  pass(`${lines.join(" | ")} does not travel`, ok(["Content-Length: 2", "A: 1", ...lines, "B: 2"], "ok"), {
    status: 200,
    fields: ["A: 1", "B: 2"],
    body: "ok",
  });

const websocket =
  "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

export const validResponses: ResponseFixture[] = [
  pass("a sized body", ok(["Content-Length: 5"], "hello"), {
    status: 200,
    reason: "OK",
    framing: "length",
    contentLength: "5",
    body: "hello",
  }),
  pass("an empty sized body", ok(["Content-Length: 0"]), {
    status: 200,
    framing: "length",
    contentLength: "0",
    body: "",
  }),
  ...["002", "2,2", "2, 2", "02,\t2 , 0002", `${"0".repeat(500)}2`].map((value) =>
    pass(`the length ${JSON.stringify(value).slice(0, 30)}`, ok([`Content-Length: ${value}`], "ok"), {
      status: 200,
      framing: "length",
      contentLength: "2",
      body: "ok",
    }),
  ),
  pass("two equal lengths", ok(["Content-Length: 2", "X: y", "content-length: 02"], "ok"), {
    status: 200,
    framing: "length",
    contentLength: "2",
    fields: ["X: y"],
    body: "ok",
  }),
  pass("a length of many zeros", ok(["Content-Length: 0000"]), { status: 200, contentLength: "0", body: "" }),
  ...["Chunked", "CHUNKED", "chunked \t", "\tchunked"].map((coding) =>
    pass(`the coding ${JSON.stringify(coding)}`, ok([`transfer-encoding:${coding}`], "5\r\nhello\r\n0\r\n\r\n"), {
      status: 200,
      framing: "chunked",
      body: "hello",
    }),
  ),
  pass("a chunked body", okChunked("5\r\nhello\r\n3\r\n, w\r\n0\r\n\r\n"), {
    status: 200,
    framing: "chunked",
    body: "hello, w",
  }),
  pass("an empty chunked body", okChunked("0\r\n\r\n"), { status: 200, framing: "chunked", body: "" }),
  pass("chunk extensions are dropped", okChunked("5;a=b\r\nhello\r\n0;c\r\n\r\n"), {
    status: 200,
    framing: "chunked",
    body: "hello",
  }),
  ...[
    "5 ; a = b",
    "5\t;a",
    '5;a= "x;y" ; b',
    "5   ",
    "5\t",
    "5;a=b ",
    "5;a \t",
    '5;a="b"  ',
    "00000000000000000005",
    "0000000000000000000000005   ",
    `5${" ".repeat(100)}`,
  ].map((size) =>
    pass(`the chunk size ${JSON.stringify(size)}`, okChunked(`${size}\r\nhello\r\n${size.replace("5", "0")}\r\n\r\n`), {
      status: 200,
      framing: "chunked",
      body: "hello",
    }),
  ),
  pass("blanks behind each of many sizes", okChunked(`${"1             \r\nx\r\n".repeat(3_000)}0\r\n\r\n`), {
    status: 200,
    framing: "chunked",
    body: "x".repeat(3_000),
  }),
  pass(
    "trailers travel",
    ok(["Transfer-Encoding: chunked", "Trailer: X-Sum"], "5\r\nhello\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\n"),
    { status: 200, body: "hello", trailers: ["X-Sum: 1", "x-sum: 2"], fields: ["Trailer: X-Sum"] },
  ),
  pass("trailers of routing do not travel", okChunked("0\r\nSet-Cookie: a=b\r\nX: y\r\nConnection: close\r\n\r\n"), {
    status: 200,
    body: "",
    trailers: ["X: y"],
  }),
  ...[
    "grpc-status: 0",
    "grpc-message: ok",
    "grpc-status-details-bin: AA",
    "Server-Timing: db;dur=5",
    'ETag: "x"',
    "Digest: x",
    "Content-Digest: x",
    "Proxy-Status: x",
    "X-Unknown: y",
    "Last-Modified: x",
  ].map((line) =>
    pass(`the trailer ${line} travels`, okChunked(`5\r\nhello\r\n0\r\n${line}\r\n\r\n`), {
      status: 200,
      body: "hello",
      trailers: [line],
    }),
  ),
  ...[
    "Set-Cookie: a=b",
    "set_cookie: a=b",
    "Location: /",
    "Content-Type: text/html",
    "Content-Security-Policy: x",
    "Access-Control-Allow-Origin: *",
    "Cache-Control: public",
    "WWW-Authenticate: Basic",
    "Strict-Transport-Security: x",
    "Date: x",
    "Via: 1.1 x",
    "Age: 1",
    "Vary: a",
    "Proxy-Authenticate: x",
    "Keep-Alive: timeout=1",
    "Upgrade: x",
    "Trailer: x",
    "Alt-Svc: x",
    "X-Accel-Redirect: /x",
    "X-Forwarded-For: 1",
    'Clear-Site-Data: "*"',
  ].map((line) =>
    pass(`the trailer ${line} does not travel`, okChunked(`5\r\nhello\r\n0\r\nA: 1\r\n${line}\r\n\r\n`), {
      status: 200,
      body: "hello",
      trailers: ["A: 1"],
    }),
  ),
  pass(
    "a trailer that Connection names does not travel",
    ok(
      ["Connection: x-hop", "Trailer: X-Hop", "Transfer-Encoding: chunked"],
      "5\r\nhello\r\n0\r\nX-Hop: 1\r\nX: y\r\n\r\n",
    ),
    { status: 200, body: "hello", fields: [], trailers: ["X: y"] },
  ),
  passOnce(
    "a body that ends with the connection",
    ok(["X: y"], "hello"),
    { status: 200, body: "hello", fields: ["X: y"], framing: "chunked" },
    { endsOutput: true },
  ),
  passOnce("an empty body that ends with the connection", ok([]), { status: 200, body: "" }, { endsOutput: true }),
  passOnce("Connection: close with a length", ok(["Connection: close", "Content-Length: 5"], "hello"), {
    status: 200,
    body: "hello",
    framing: "length",
  }),
  passOnce(
    "Connection: x, Close with chunks",
    ok(["Connection: x, Close", "Transfer-Encoding: chunked"], "5\r\nhello\r\n0\r\n\r\n"),
    { status: 200, body: "hello" },
  ),
  passOnce("HTTP/1.0 with a length", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", {
    status: 200,
    body: "hello",
    framing: "length",
  }),
  passOnce(
    "HTTP/1.0 that ends with the connection",
    "HTTP/1.0 200 OK\r\n\r\nhello",
    { status: 200, body: "hello" },
    { endsOutput: true },
  ),
  pass("HTTP/1.0 kept", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", {
    status: 200,
    body: "hello",
    framing: "length",
  }),

  pass(
    "HEAD",
    ok(["Content-Length: 5", "X: y"]),
    { status: 200, framing: "none", contentLength: "5", fields: ["X: y"], body: "" },
    { method: "HEAD" },
  ),
  pass(
    "HEAD without a length",
    ok(["X: y"]),
    { status: 200, contentLength: null, fields: ["X: y"] },
    { method: "HEAD" },
  ),
  pass("HEAD announced as empty", ok(["Content-Length: 0"]), { status: 200, contentLength: "0" }, { method: "HEAD" }),
  pass("HEAD announced as chunked", ok(["Transfer-Encoding: chunked"]), { status: 200 }, { method: "HEAD" }),
  pass("204", "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", { status: 204, contentLength: null, fields: ["X: y"] }),
  pass("204 with a length of zero", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", {
    status: 204,
    contentLength: null,
  }),
  pass("304", 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n', { status: 304, fields: ['ETag: "x"'] }),
  pass("304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", {
    status: 304,
    contentLength: "5",
  }),
  pass("205 with a length of zero", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", {
    status: 205,
    body: "",
  }),

  pass("100 unasked", "HTTP/1.1 100 Continue\r\n\r\n" + ok(["Content-Length: 2"], "ok"), { status: 200, body: "ok" }),
  pass("103 with fields", "HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\n" + ok(["Content-Length: 2"], "ok"), {
    status: 200,
    interim: [103],
    body: "ok",
  }),
  pass(
    "two times 103",
    "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: b\r\n\r\n" +
      ok(["Content-Length: 2"], "ok"),
    { status: 200, interim: [103, 103], body: "ok" },
  ),
  pass("102", "HTTP/1.1 102 Processing\r\n\r\n" + ok(["Content-Length: 2"], "ok"), {
    status: 200,
    interim: [102],
    body: "ok",
  }),
  pass(
    "40 interim answers",
    "HTTP/1.1 104 Upload Resumption Supported\r\nUpload-Offset: 5\r\n\r\n".repeat(40) + ok(["Content-Length: 2"], "ok"),
    { status: 200, interim: Array<number>(40).fill(104), body: "ok" },
  ),
  pass(
    "103 to HTTP/1.0 does not travel",
    "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + ok(["Content-Length: 2"], "ok"),
    { status: 200, interim: [], body: "ok" },
    { request: "GET / HTTP/1.0\r\nHost: a\r\n\r\n" },
  ),
  pass(
    "chunks to HTTP/1.0 end with the connection",
    okChunked("5\r\nhello\r\n0\r\nX: y\r\n\r\n"),
    { status: 200, framing: "close", body: "hello", trailers: [] },
    { request: "GET / HTTP/1.0\r\nHost: a\r\n\r\n" },
  ),
  pass(
    "chunks to kept HTTP/1.0 end with the connection",
    okChunked("5\r\nhello\r\n0\r\n\r\n"),
    { status: 200, framing: "close", body: "hello" },
    { request: "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n" },
  ),

  ...[200, 201, 206, 226, 301, 308, 400, 401, 404, 418, 429, 451, 500, 502, 503, 504, 511, 599, 299].map((status) =>
    pass(`status ${status}`, `HTTP/1.1 ${status} Some Reason\r\nContent-Length: 1\r\n\r\nx`, {
      status,
      reason: "Some Reason",
      body: "x",
    }),
  ),
  pass("an empty reason", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", { status: 200, body: "ok" }),
  pass("a reason with obs-text", "HTTP/1.1 200 d\xe9j\xe0 vu\r\nContent-Length: 2\r\n\r\nok", {
    status: 200,
    reason: "d\xe9j\xe0 vu",
    body: "ok",
  }),
  pass(
    "repeated fields in order and case",
    ok(["Set-Cookie: a=1", "X: 1", "set-cookie: b=2", "Set-Cookie: c=3", "Content-Length: 2"], "ok"),
    { status: 200, fields: ["Set-Cookie: a=1", "X: 1", "set-cookie: b=2", "Set-Cookie: c=3"], body: "ok" },
  ),
  pass(
    "values with obs-text, empty values, names of prototypes",
    ok(["X: caf\xe9 \x80", "Y:", "__proto__: z", "constructor: w", "Content-Length: 2"], "ok"),
    { status: 200, fields: ["X: caf\xe9 \x80", "Y: ", "__proto__: z", "constructor: w"], body: "ok" },
  ),
  pass("Server and Date are the endpoint's", ok(["Server: x", "Content-Length: 2"], "ok"), {
    status: 200,
    fields: ["Server: x"],
    body: "ok",
  }),
  pass("body bytes of every value", ok(["Content-Length: 256"], String.fromCharCode(...Array(256).keys())), {
    status: 200,
    body: String.fromCharCode(...Array(256).keys()),
  }),

  pass(
    "fields that only mean something in requests travel",
    ok(
      ["X-Forwarded-For: 1", "X_Request_Id: 2", "Content_Length: 3", "Proxy: 4", "X-Host: 5", "Content-Length: 2"],
      "ok",
    ),
    {
      status: 200,
      fields: ["X-Forwarded-For: 1", "X_Request_Id: 2", "Content_Length: 3", "Proxy: 4", "X-Host: 5"],
      body: "ok",
    },
  ),
  gone("Keep-Alive: timeout=60"),
  gone("Proxy-Connection: keep-alive"),
  gone("Proxy-Authenticate: Basic"),
  gone("Connection: x-hop", "X-Hop: 1"),
  gone("Connection: x-one", "x-one: 1", "connection: X-Two", "x-two: 2"),
  gone("Upgrade: h2c"),
  pass("Connection cannot name Content-Length away", ok(["Connection: content-length", "Content-Length: 2"], "ok"), {
    status: 200,
    framing: "length",
    body: "ok",
  }),

  {
    ...passOnce(
      "a wanted 101",
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
      { status: 101 },
    ),
    request: websocket,
  },
  {
    ...pass("a wanted 101 that did not come", ok(["Content-Length: 2"], "ok"), { status: 200, body: "ok" }),
    request: websocket,
  },
  {
    ...pass(
      "426 in answer to a WebSocket handshake",
      "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 2\r\n\r\nok",
      { status: 426, fields: ["Upgrade: x"], body: "ok" },
    ),
    request: websocket,
  },
  pass(
    "426 says what is wanted",
    "HTTP/1.1 426 Upgrade Required\r\nUpgrade: a/1, b\r\nConnection: Upgrade\r\nX: y\r\nupgrade: c\r\nContent-Length: 2\r\n\r\nok",
    { status: 426, fields: ["X: y", "Upgrade: a/1, b, c"], body: "ok" },
  ),
];
