/**
 * What `headers.response` says of a route holds for every answer of that route, whoever gives it; and what stands
 * behind the one who answers is not passed.
 */
import assert from "node:assert/strict";
import { type Harness, testOverProtocols, testWithHarness } from "../support/harness.ts";
import { toAnswer } from "../support/http1-speaker.ts";
import type { ReceivedAnswer } from "../support/message.ts";
import type { Ask } from "../support/speaker.ts";
import { valuesOf } from "../support/wire-reader.ts";

const outer = {
  headers: {
    response: { set: { "x-order": "outer" }, add: { "x-passed": "outer" }, remove: ["x-powered-by", "retry-after"] },
  },
};
const inner = { headers: { response: { set: { "x-order": "inner" }, add: { "x-passed": "inner" } } } };
const ofEndpoint = { headers: { response: { add: { "x-passed": "upstream" }, when: "upstream" } } };
const around = (...middlewares: object[]): object => ({ middlewares: [outer, ofEndpoint, ...middlewares, inner] });

/** Which filters the answer has passed, the last one first. */
const all = ["inner", "outer"];
const relayed = ["inner", "upstream", "outer"];
type Row<Request> = readonly [what: string, request: Request, statuses: readonly number[], passed: readonly string[]];
/** What is asked, and what is sent of the content then. */
type Asking = Ask & { readonly content?: string };

const asked: readonly Row<Asking>[] = [
  ["an endpoint", { path: "/app" }, [200], relayed],
  ["an endpoint's error", { path: "/app?404" }, [404], relayed],
  ["an endpoint's early hints and its answer", { path: "/app?103" }, [103, 200], relayed],
  ["an endpoint's progress and its answer", { path: "/app?102" }, [102, 200], relayed],
  ["an endpoint behind a throttle", { path: "/throttled" }, [200], relayed],
  ["a fixed text", { path: "/text" }, [200], all],
  ["a fixed text to HEAD", { method: "HEAD", path: "/text" }, [200], all],
  ["a fixed status without a body", { path: "/empty" }, [204], all],
  ["a redirect", { path: "/redirect" }, [308], all],
  ["Max-Forwards", { method: "OPTIONS", path: "/app", fields: { "max-forwards": "0" } }, [200], all],
  ["an endpoint that cannot be reached", { path: "/dead" }, [502], all],
  ["an endpoint that breaks off", { path: "/app?break" }, [502], all],
  ["early hints, and an endpoint that breaks off", { path: "/app?103,break" }, [103, 502], []],
  ["an endpoint that says nothing", { path: "/silent" }, [504], all],
  ["a rate limit", { path: "/limited" }, [429], ["outer"]],
  ["a fault", { path: "/fault" }, [503], ["outer"]],
  ["a long body", { method: "POST", path: "/short", length: 9 }, [413], ["outer"]],
  [
    "a long body in mid-upload",
    { method: "POST", path: "/short", length: "unknown", content: "x".repeat(9) },
    [413],
    all,
  ],
  [
    "a body that is longer than the buffer",
    { method: "POST", path: "/buffer", length: "unknown", content: "x".repeat(9) },
    [413],
    ["outer"],
  ],
  ["a body that is longer than the listener takes", { method: "POST", path: "/app", length: 101 }, [413], all],
  [
    "one that turns out to be so in mid-upload",
    { method: "POST", path: "/app", length: "unknown", content: "x".repeat(101) },
    [413],
    all,
  ],
  [
    "an unknown expectation",
    { method: "POST", path: "/app", fields: { expect: "wonders" }, length: 1, content: "x" },
    [417],
    all,
  ],
  ["no route", { path: "/none" }, [404], []],
];

const upgrade =
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
/** What only HTTP/1.1 can say. */
const sent: readonly Row<string>[] = [
  ["an endpoint that switches protocols", `GET /app HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`, [101], relayed],
  ["a fixed text to HTTP/1.0", "GET /text HTTP/1.0\r\nHost: a\r\n\r\n", [200], all],
  ["an answer that is none", "GET /app?garbage HTTP/1.1\r\nHost: a\r\n\r\n", [502], all],
  [
    "a broken chunk in mid-upload",
    "POST /app HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nX",
    [400],
    all,
  ],
  ["a head that is none", "GET /app HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n", [400], []],
];

const ofOrigin = { "x-order": "origin", "x-powered-by": "origin", "x-kept": "origin" };

async function startProxy(harness: Harness, url: string): Promise<void> {
  const route = (path: string, rest: object): object => ({ name: path.slice(1), match: { path }, ...rest });
  await harness.proxy({
    listener: { limits: { bodyBytes: 100 } },
    config: {
      upstreams: {
        app: { endpoints: [url], retry: { attempts: 0 } },
        silent: { endpoints: [url], retry: { attempts: 0 }, timeouts: { firstByte: "100ms" } },
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

/** Whether the answers to a request have passed the filters that they should have. */
function checkAnswers(last: ReceivedAnswer, [what, , statuses, passed]: Row<unknown>): void {
  const answers = [...last.interim, last];
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
    for (const name of ["x-powered-by", "retry-after"]) assert.deepEqual(valuesOf(answer, name), [], what);
    assert.ok(valuesOf(answer, "content-length").length <= 1, what);
  }
}

testOverProtocols(
  "every answer passes the filters that its request has passed, in the opposite order",
  async (harness) => {
    const endpoint = await harness.endpoint((exchange) => {
      const { target } = exchange.request;
      if (target.startsWith("/silent")) return;
      for (const part of (target.split("?")[1] ?? "200").split(",")) {
        if (part === "break") setImmediate(() => exchange.abort());
        else if (part.startsWith("1")) exchange.interim(Number(part), ofOrigin);
        else return exchange.answer({ status: Number(part), fields: ofOrigin, body: "" });
      }
      if (!target.endsWith("break")) exchange.answer({ fields: ofOrigin, body: "" });
    });
    await startProxy(harness, endpoint.url);
    assert.equal((await harness.ask({ path: "/limited" })).status, 200);
    for (const row of asked) {
      const [, { content, ...request }] = row;
      const exchange = (await harness.speaker()).begin(request);
      if (content !== undefined) exchange.send(content);
      checkAnswers(await exchange.answer(), row);
    }
  },
);

testWithHarness("so does every answer to what only HTTP/1.1 can say", async (harness) => {
  const upstream = await harness.scripted({
    onRequest(connection, { target }) {
      if (target.endsWith("garbage")) connection.send("HTTP/1.1 200 OK\r\nA b\r\n\r\n");
      else
        connection.send(
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Order: origin\r\nX-Powered-By: origin\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        );
    },
  });
  await startProxy(harness, upstream.url);
  for (const row of sent) {
    const [, request, statuses] = row;
    const client = await harness.raw();
    client.send(request);
    const response = await client.response();
    checkAnswers(toAnswer(response), row);
    if (statuses[0] === 101)
      assert.deepEqual(
        ["upgrade", "connection"].map((name) => valuesOf(response, name)),
        [["websocket"], ["Upgrade"]],
      );
  }
});

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
