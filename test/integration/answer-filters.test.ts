/**
 * What `headers.response` says of a route holds for every answer of that route, whoever gives it; and what stands
 * behind the one who answers is not passed.
 */
import assert from "node:assert/strict";
import { type Harness, testOverProtocols, testWithHarness } from "../support/harness.ts";
import { valuesOf, type WireResponse } from "../support/wire-reader.ts";

const outer = {
  headers: {
    response: { set: { "x-order": "outer" }, add: { "x-passed": "outer" }, remove: ["x-powered-by", "retry-after"] },
  },
};
const inner = { headers: { response: { set: { "x-order": "inner" }, add: { "x-passed": "inner" } } } };
const ofEndpoint = { headers: { response: { add: { "x-passed": "upstream" }, when: "upstream" } } };
const around = (...middlewares: object[]): object => ({ middlewares: [outer, ofEndpoint, ...middlewares, inner] });

const get = (path: string, fields = ""): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const post = (path: string, fields: string, body = ""): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`;
const upgrade =
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/** Which filters the answer has passed, the last one first. */
const all = ["inner", "outer"];
const relayed = ["inner", "upstream", "outer"];
const rows: readonly (readonly [
  what: string,
  request: string,
  statuses: readonly number[],
  passed: readonly string[],
])[] = [
  ["an endpoint", get("/app"), [200], relayed],
  ["an endpoint's error", get("/app?404"), [404], relayed],
  ["an endpoint's early hints and its answer", get("/app?103"), [103, 200], relayed],
  ["an endpoint's progress and its answer", get("/app?102"), [102, 200], relayed],
  ["an endpoint that switches protocols", get("/app", upgrade), [101], relayed],
  ["an endpoint behind a throttle", get("/throttled"), [200], relayed],
  ["a fixed text", get("/text"), [200], all],
  ["a fixed text to HEAD", "HEAD /text HTTP/1.1\r\nHost: a\r\n\r\n", [200], all],
  ["a fixed text to HTTP/1.0", "GET /text HTTP/1.0\r\nHost: a\r\n\r\n", [200], all],
  ["a fixed status without a body", get("/empty"), [204], all],
  ["a redirect", get("/redirect"), [308], all],
  ["Max-Forwards", "OPTIONS /app HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n", [200], all],
  ["an endpoint that cannot be reached", get("/dead"), [502], all],
  ["an answer that is none", get("/app?garbage"), [502], all],
  ["early hints, and an answer that is none", get("/app?103,garbage"), [103, 502], []],
  ["an endpoint that says nothing", get("/silent"), [504], all],
  ["a broken chunk in mid-upload", post("/app", "Transfer-Encoding: chunked\r\n", "1\r\nx\r\nX"), [400], all],
  ["a rate limit", get("/limited"), [429], ["outer"]],
  ["a fault", get("/fault"), [503], ["outer"]],
  ["a long body", post("/short", "Content-Length: 9\r\n"), [413], ["outer"]],
  [
    "a long chunked body in mid-upload",
    post("/short", "Transfer-Encoding: chunked\r\n", "9\r\nxxxxxxxxx\r\n"),
    [413],
    all,
  ],
  [
    "a body that is longer than the buffer",
    post("/buffer", "Transfer-Encoding: chunked\r\n", "9\r\nxxxxxxxxx\r\n"),
    [413],
    ["outer"],
  ],
  ["a body that is longer than the listener takes", post("/app", "Content-Length: 101\r\n"), [413], all],
  [
    "one that turns out to be so in mid-upload",
    post("/app", "Transfer-Encoding: chunked\r\n", `65\r\n${"x".repeat(101)}`),
    [413],
    all,
  ],
  ["an unknown expectation", post("/app", "Expect: wonders\r\nContent-Length: 1\r\n", "x"), [417], all],
  ["no route", get("/none"), [404], []],
  ["a head that is none", get("/app", "A : b\r\n"), [400], []],
];

/** What the endpoint answers, by what the query asks for. */
function answerOf(target: string): string {
  const parts = target.split("?")[1]?.split(",") ?? [];
  return parts
    .map((part) => {
      if (part === "garbage") return "HTTP/1.1 200 OK\r\nA b\r\n\r\n";
      const fields = "X-Order: origin\r\nX-Powered-By: origin\r\nX-Kept: origin\r\n";
      return part.startsWith("1")
        ? `HTTP/1.1 ${part} Interim\r\n${fields}\r\n`
        : `HTTP/1.1 ${part} Final\r\n${fields}Content-Length: 0\r\n\r\n`;
    })
    .join("");
}

async function start(harness: Harness): Promise<void> {
  const endpoint = await harness.scripted({
    onRequest(connection, { target, fields }) {
      const isUpgrade = fields.some(([name]) => name.toLowerCase() === "upgrade");
      const isOver = /[2-5]\d\d|garbage/.test(target);
      if (isUpgrade)
        connection.send(
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Order: origin\r\nX-Powered-By: origin\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        );
      else if (!target.startsWith("/silent"))
        connection.send(answerOf(isOver ? target : `${target}${target.includes("?") ? "," : "?"}200`));
    },
  });
  const route = (path: string, rest: object): object => ({ name: path.slice(1), match: { path }, ...rest });
  await harness.proxy({
    listener: { limits: { bodyBytes: 100 } },
    config: {
      upstreams: {
        app: { endpoints: [endpoint.url], retry: { attempts: 0 } },
        silent: { endpoints: [endpoint.url], retry: { attempts: 0 }, timeouts: { firstByte: "100ms" } },
        dead: { endpoints: ["http://127.0.0.1:1"], retry: { attempts: 0 } },
      },
    },
    routes: [
      route("/app", { ...around(), upstream: "app" }),
      route("/silent", { ...around(), upstream: "silent" }),
      route("/dead", { ...around(), upstream: "dead" }),
      route("/throttled", { ...around({ fault: { bandwidth: { bytesPerSecond: "1MiB" } } }), upstream: "app" }),
      route("/text", { ...around(), respond: { body: "text" } }),
      route("/empty", { ...around(), respond: { status: 204 } }),
      route("/redirect", { ...around(), redirect: { to: "/text" } }),
      route("/limited", {
        ...around({ rateLimit: { rate: "1/h", burst: 1, key: "route" } }),
        respond: { body: "text" },
      }),
      route("/fault", { ...around({ fault: { abort: { status: 503 } } }), upstream: "app" }),
      route("/short", { ...around({ bodyLimit: { maxRequestBytes: "8B" } }), upstream: "app" }),
      route("/buffer", { ...around({ buffer: { maxRequestBytes: "8B" } }), upstream: "app" }),
    ],
  });
}

testWithHarness(
  "every answer passes the filters that its request has passed, in the opposite order",
  async (harness) => {
    await start(harness);
    const first = await harness.raw();
    first.send(get("/limited"));
    assert.equal((await first.response()).status, 200);
    for (const [what, request, statuses, passed] of rows) {
      const client = await harness.raw();
      client.send(request);
      const last = await client.response(request.slice(0, request.indexOf(" ")));
      const answers: readonly WireResponse[] = [...last.interim, last];
      assert.deepEqual(
        answers.map(({ status }) => status),
        statuses,
        what,
      );
      for (const answer of answers) {
        // Early hints are the endpoint's, what follows them here is not.
        const expected = passed.length > 0 || statuses.length === 1 ? passed : answer.status === 103 ? relayed : all;
        assert.deepEqual(valuesOf(answer, "x-passed"), expected, `${what}: ${answer.status}`);
        assert.deepEqual(valuesOf(answer, "x-order"), expected.length > 0 ? ["outer"] : [], what);
        assert.deepEqual(valuesOf(answer, "x-powered-by"), [], what);
        assert.deepEqual(valuesOf(answer, "retry-after"), [], what);
        assert.equal(
          valuesOf(answer, "connection").length <= 1 && valuesOf(answer, "content-length").length <= 1,
          true,
          what,
        );
      }
      if (statuses[0] === 101)
        assert.deepEqual(
          [
            valuesOf(answers[0]!, "upgrade"),
            valuesOf(answers[0]!, "connection"),
            valuesOf(answers[0]!, "sec-websocket-accept").length,
          ],
          [["websocket"], ["Upgrade"], 1],
        );
    }
  },
);

testOverProtocols(
  "an answer that stands before a change in the list goes without it; the fields of a limit can be changed by what stands before it",
  async (harness) => {
    await harness.proxy({
      routes: [
        {
          middlewares: [
            { headers: { response: { remove: ["ratelimit-policy"] } } },
            { rateLimit: { rate: "1/h", burst: 1, key: "route" } },
            { headers: { response: { remove: ["ratelimit"], set: { "x-inner": "1" } } } },
          ],
          respond: { body: "text" },
        },
      ],
    });
    const client = await harness.speaker();
    for (const [status, isInner] of [
      [200, true],
      [429, false],
    ] as const) {
      const answer = await client.ask();
      assert.deepEqual(
        [
          answer.status,
          answer.values("x-inner").length > 0,
          answer.values("ratelimit").length,
          answer.values("ratelimit-policy").length,
        ],
        [status, isInner, 1, 0],
      );
    }
  },
);
