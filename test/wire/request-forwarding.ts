/**
 * What is taken away and what is added on the way (RFC 9110 section 7.6, RFC 7239): hop-by-hop fields, fields of trust.
 * The peer here is nobody special.
 */
import { forward, get, type RequestFixture } from "./request-fixture.ts";

const gone = (...lines: string[]): RequestFixture =>
  forward(`${lines.join(" | ").slice(0, 90)} does not travel`, get("A: 1", ...lines, "B: 2"), {
    line: "GET /",
    fields: ["A: 1", "B: 2"],
  });

export const forwardingFixtures: RequestFixture[] = [
  gone("Connection: keep-alive"),
  gone("Keep-Alive: timeout=5"),
  gone("Proxy-Connection: keep-alive"),
  gone("TE: gzip"),
  gone("Trailer: X"),
  gone("Proxy-Authorization: Basic eDp5"),
  gone("Proxy-Authenticate: Basic"),
  gone("HTTP2-Settings: AAMAAABkAAQAAP__"),
  gone("Upgrade: h2c"),
  gone("Connection: x-hop", "X-Hop: secret"),
  gone("X-Hop: secret", "Connection: X-HOP"),
  gone("Connection: x-one, x-two", "x-one: 1", "x-TWO: 2", "x-one: 3"),
  gone("Connection: x-one", "x-one: 1", "Connection: ,, x-two ,", "x-two: 2"),
  gone("Connection: keep-alive, cookie", "Cookie: a=b"),
  gone("Connection: __proto__", "__proto__: a"),
  forward("a nominated field that only begins alike travels", get("Connection: x-hop", "X-Hop-2: y", "X-Ho: z"), {
    line: "GET /",
    fields: ["X-Hop-2: y", "X-Ho: z"],
  }),
  forward("Connection cannot name Host away", get("Connection: host"), { line: "GET /", host: "a" }),
  ...["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "via", "x-request-id"].map((name) =>
    forward(
      `Connection cannot name ${name} away`,
      get(`Connection: close, ${name}`),
      { line: "GET /", made: { [name]: /./ } },
      { closes: true },
    ),
  ),

  forward("the fields of trust are made", get(), {
    line: "GET /",
    made: {
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-host": "a",
      via: /^1\.1 \S+$/,
      "x-request-id": /^[\w.+/=:@-]{1,128}$/,
      forwarded: null,
      "x-real-ip": null,
    },
  }),
  forward(
    "the fields of trust of a stranger are replaced",
    get(
      "X-Forwarded-For: 1.2.3.4",
      "X-Forwarded-Proto: https",
      "X-Forwarded-Host: evil",
      "X-Real-IP: 1.2.3.4",
      "Forwarded: for=1.2.3.4",
    ),
    {
      line: "GET /",
      made: {
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "http",
        "x-forwarded-host": "a",
        forwarded: null,
        "x-real-ip": null,
      },
    },
  ),
  forward(
    "repeated fields of trust of a stranger are replaced",
    get(
      "X-Forwarded-For: 1.2.3.4",
      "x-forwarded-for: 5.6.7.8",
      "X-FORWARDED-PROTO: https",
      "Forwarded: for=1.2.3.4",
      "forwarded: for=b",
    ),
    { line: "GET /", made: { "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", forwarded: null } },
  ),
  gone(
    "Proxy-Client-IP: 1.2.3.4",
    "WL-Proxy-Client-IP: 1.2.3.4",
    "WL.Proxy_Client-IP: 1.2.3.4",
    "Fly-Client-IP: 1.2.3.4",
    "X-AppEngine-User-IP: 1.2.3.4",
    "X-ProxyUser-IP: 1.2.3.4",
  ),
  gone(
    "X-Azure-ClientIP: 1.2.3.4",
    "X-Azure-SocketIP: 1.2.3.4",
    "X-Envoy-External-Address: 1.2.3.4",
    "X-Scheme: https",
    "X-URL-Scheme: https",
  ),
  gone(
    "X-Client-IP: 1.2.3.4",
    "True-Client-IP: 1.2.3.4",
    "CF-Connecting-IP: 1.2.3.4",
    "CF-Connecting-IPv6: ::1",
    "Fastly-Client-IP: 1.2.3.4",
    "X-Cluster-Client-IP: 1.2.3.4",
  ),
  gone(
    "Client-IP: 1.2.3.4",
    "Client_IP: 1.2.3.4",
    "Forwarded-For: 1.2.3.4",
    "X-Forwarded: for=1.2.3.4",
    "X-Original-Forwarded-For: 1.2.3.4",
  ),
  gone(
    "X-Host: evil",
    "X-HTTP-Host-Override: evil",
    "X-Original-Host: evil",
    "X-Original-URL: /admin",
    "X-Rewrite-URL: /admin",
    "X-Forwarded-Server: evil",
  ),
  forward("Via grows", get("Via: 1.0 fred, 1.1 p.example", "via: 1.1 q"), {
    line: "GET /",
    made: { via: /^1\.0 fred, 1\.1 p\.example, 1\.1 q, 1\.1 \S+$/ },
  }),
  forward("a well-formed X-Request-ID stays", get("X-Request-ID: abc-123"), {
    line: "GET /",
    made: { "x-request-id": "abc-123" },
  }),
  forward("a malformed X-Request-ID is replaced", get('X-Request-ID: a b"c'), {
    line: "GET /",
    made: { "x-request-id": /^[\w.+/=:@-]{8,128}$/ },
  }),
  forward(
    "fields of end-to-end meaning travel",
    get(
      "Authorization: Bearer x",
      "Cookie: a=b",
      "Cache-Control: no-cache",
      "Accept-Encoding: br",
      "Date: x",
      "Max-Forwards: 3",
      "Content-Type: text/plain",
      "Range: bytes=0-1",
      'If-None-Match: "x"',
      "Origin: null",
      "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ),
    {
      line: "GET /",
      fields: [
        "Authorization: Bearer x",
        "Cookie: a=b",
        "Cache-Control: no-cache",
        "Accept-Encoding: br",
        "Date: x",
        "Max-Forwards: 3",
        "Content-Type: text/plain",
        "Range: bytes=0-1",
        'If-None-Match: "x"',
        "Origin: null",
        "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      ],
    },
  ),

  {
    name: "OPTIONS that may go no further",
    request: "OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n",
    answered: 200,
  },
  {
    name: "OPTIONS * that may go no further",
    request: "OPTIONS * HTTP/1.1\r\nHost: a\r\nmax-forwards: 00\r\nContent-Length: 5\r\n\r\nhello",
    answered: 200,
  },
  forward("Max-Forwards of OPTIONS counts down", "OPTIONS /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 10\r\nX: y\r\n\r\n", {
    line: "OPTIONS /x",
    fields: ["X: y", "Max-Forwards: 9"],
  }),
  ...["-1", "1.0", "", "1, 1", "9999999999", "x"].map((value) =>
    forward(
      `Max-Forwards: ${value} of OPTIONS says nothing`,
      `OPTIONS /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: ${value}\r\n\r\n`,
      { line: "OPTIONS /x", fields: [`Max-Forwards: ${value}`] },
    ),
  ),
  ...["GET", "POST"].map((method) =>
    forward(`Max-Forwards of ${method} means nothing`, `${method} /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n`, {
      line: `${method} /x`,
      fields: ["Max-Forwards: 0"],
    }),
  ),

  forward(
    "TE: trailers of an HTTP/1.0 client means nothing",
    "GET / HTTP/1.0\r\nHost: a\r\nTE: trailers\r\nConnection: te\r\n\r\n",
    { line: "GET /", made: { te: null } },
    { closes: true },
  ),
  forward("TE: trailers is continued", get("TE: trailers", "Connection: te"), {
    line: "GET /",
    made: { te: /^(?:trailers)?$/ },
  }),
];
