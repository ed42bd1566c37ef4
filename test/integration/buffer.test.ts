/** `buffer` and `bodyLimit` from outside: what reaches the endpoint and when, and what is refused. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import fs, { readdirSync, readlinkSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { breakOff, type Endpoint } from "../support/endpoint.ts";
import { type Harness, testOverProtocols, testWithHarness } from "../support/harness.ts";
import { modes, type ProxyUnderTest } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

const start = async (
  harness: Harness,
  middleware: object,
  threads = 0,
): Promise<{ proxy: ProxyUnderTest; endpoint: Endpoint }> => {
  const endpoint = await harness.endpoint();
  const proxy = await harness.proxy({ threads, endpoints: [endpoint.url], routes: routesWith(middleware) });
  return { proxy, endpoint };
};

const routesWith = (middleware: object): readonly unknown[] => [
  { name: "up", middlewares: [middleware], upstream: "app" },
];

/** `body` as content without a length that is said in advance. */
const inPieces = (body: Buffer): Buffer[] =>
  Array.from({ length: Math.ceil(body.length / 10_000) }, (_, at) => body.subarray(at * 10_000, (at + 1) * 10_000));

/** Temporary files of ours that are open in this process. */
function openFiles(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return /millrace-[0-9a-f]{24}/.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false;
    }
  }).length;
}

for (const [title, threads] of modes) {
  testOverProtocols(`${title}: bodies of any size arrive whole, with a length`, async (harness) => {
    const { proxy, endpoint } = await start(
      harness,
      { buffer: { maxRequestBytes: "2MiB", memoryBytes: "16KiB" } },
      threads,
    );
    const client = await harness.speaker();
    for (const size of [1, 100, 16_384, 16_385, 200_000, 1_500_000]) {
      const body = randomBytes(size);
      for (const content of [body, inPieces(body)]) {
        assert.equal((await client.ask({ method: "PUT", body: content })).status, 200);
        const request = endpoint.requests.at(-1)!;
        assert.equal(request.value("content-length"), String(size));
        assert.ok(request.body.equals(body), `all of ${size} bytes`);
      }
    }
    const metrics = await proxy.metrics();
    assert.equal(metrics.sum("millrace_buffered_requests_total", { place: "memory" }), 6);
    assert.equal(metrics.sum("millrace_buffered_requests_total", { place: "file" }), 6);
    await eventually(() => openFiles() === 0, "no temporary file stays open");
  });
}

testOverProtocols("a slow upload holds no connection to an endpoint", async (harness) => {
  const { proxy, endpoint } = await start(harness, { buffer: {} });
  const client = await harness.speaker();
  const exchange = client.begin({ method: "POST", length: 10 });
  for (const letter of "012345678") {
    exchange.send(letter);
    await eventually(async () => (await proxy.inspect()).exchanges === 1, "the request is under way");
    assert.equal(endpoint.connectionCount, 0);
    assert.equal((await proxy.inspect()).upstreamConnections, 0);
  }
  exchange.send("9");
  assert.equal((await exchange.answer()).status, 200);
  assert.equal(endpoint.connectionCount, 1);
  assert.equal(endpoint.requests[0]!.text, "0123456789");
});

testWithHarness(
  "a body of one-byte chunks is written to its file in blocks, and passes as it came",
  async (harness, t) => {
    const { endpoint } = await start(harness, { buffer: { maxRequestBytes: "1MiB", memoryBytes: "1KiB" } });
    const writes = t.mock.method(fs, "write");
    syncBuiltinESMExports();
    t.after(() => {
      writes.mock.restore();
      syncBuiltinESMExports();
    });
    const size = 300_000;
    const client = await harness.raw();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(`${"1\r\nx\r\n".repeat(size)}0\r\n\r\n`);
    assert.equal((await client.response()).status, 200);
    assert.equal(endpoint.requests[0]!.text, "x".repeat(size));
    // The access log is written by the same function.
    assert.ok(writes.mock.callCount() < 20, `${writes.mock.callCount()} writes`);
  },
);

testOverProtocols("trailers pass, and the content has no length then", async (harness) => {
  const { endpoint } = await start(harness, { buffer: {} });
  await harness.ask({ method: "POST", body: ["abc"], trailers: { "x-sum": "7" } });
  const request = endpoint.requests[0]!;
  assert.deepEqual([request.value("content-length"), request.text, request.trailers], [null, "abc", [["x-sum", "7"]]]);
});

testOverProtocols(
  "a client that waits for a 100 gets it from here, and the endpoint is not asked again",
  async (harness) => {
    const { endpoint } = await start(harness, { buffer: {} });
    const exchange = (await harness.speaker()).begin({ method: "POST", fields: { expect: "100-continue" }, length: 3 });
    assert.deepEqual(await exchange.interim(1), [{ status: 100, fields: [] }]);
    exchange.send("abc");
    assert.equal((await exchange.answer()).status, 200);
    const request = endpoint.requests[0]!;
    assert.deepEqual([request.text, request.values("expect")], ["abc", []]);
  },
);

for (const [name, middleware] of [
  ["buffer", { buffer: { maxRequestBytes: "1KiB" } }],
  ["bodyLimit", { bodyLimit: { maxRequestBytes: "1KiB" } }],
] as const) {
  testOverProtocols(
    `${name}: too long a body is refused at once if its length is said, and as soon as it shows if not`,
    async (harness) => {
      const { proxy, endpoint } = await start(harness, middleware);
      const whole = "x".repeat(1_024);
      for (const body of [whole, [whole]]) assert.equal((await harness.ask({ method: "POST", body })).status, 200);
      assert.deepEqual(
        endpoint.requests.map(({ text }) => text),
        [whole, whole],
      );
      const [long, growing, atOnce] = await harness.speakers(3);
      const refused = await long!.begin({ method: "POST", length: 1_025 }).answer();
      assert.deepEqual([refused.status, refused.reason], [413, "BODY_TOO_LARGE"], "before it is sent");
      const exchange = growing!.begin({ method: "POST", length: "unknown" });
      exchange.send(whole);
      await eventually(async () => (await proxy.inspect()).exchanges >= 1, "it is under way");
      assert.equal(exchange.received.length, 0);
      exchange.send("x");
      const late = await exchange.answer();
      assert.deepEqual([late.status, late.reason], [413, "BODY_TOO_LARGE"]);
      await eventually(async () => (await proxy.inspect()).exchanges === 0, "nothing is under way any more");
      const { status, reason } = await atOnce!.ask({ method: "POST", body: Array(5).fill("x".repeat(512)) });
      assert.deepEqual([status, reason], [413, "BODY_TOO_LARGE"], "with all of it there");
      const metrics = await proxy.metrics();
      assert.equal(metrics.sum("millrace_rejected_total", { reason: "BODY_TOO_LARGE" }), 3);
      assert.equal(metrics.sum("millrace_internal_errors_total"), 0);
    },
  );
}

testOverProtocols("every attempt is given the whole body, also what no replay buffer would hold", async (harness) => {
  const breaking = await harness.endpoint(breakOff);
  const endpoint = await harness.endpoint();
  await harness.proxy({
    endpoints: [breaking.url, endpoint.url],
    routes: routesWith({ buffer: { memoryBytes: "4KiB" } }),
  });
  for (const size of [3_000, 500_000]) {
    for (let count = 0; count < 2; count++) {
      const body = randomBytes(size);
      assert.equal((await harness.ask({ method: "PUT", body })).status, 200);
      assert.ok(endpoint.requests.at(-1)!.body.equals(body));
    }
  }
  assert.ok(breaking.requests.length >= 1, "the breaking endpoint was tried");
});

testWithHarness("a client that closes or resets after any number of bytes leaves nothing behind", async (harness) => {
  const { proxy, endpoint } = await start(harness, { buffer: { memoryBytes: 4 } });
  const bytes = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n3\r\nghi\r\n0\r\n\r";
  for (let length = 1; length <= bytes.length; length += length < 50 ? 10 : 1) {
    for (const leave of ["end", "reset"] as const) {
      const client = await harness.raw();
      client.send(bytes.slice(0, length));
      await proxy.untilOpen(({ connections }) => connections === 1, "it is connected");
      client[leave]();
      await proxy.untilOpen(
        ({ connections }) => connections === 0,
        `the connection is closed after ${length} bytes and ${leave}`,
      );
      client.destroy();
    }
  }
  await eventually(async () => openFiles() === 0 && (await proxy.inspect()).exchanges === 0, "nothing is left");
  assert.equal(endpoint.connectionCount, 0, "no endpoint was asked");
});

testOverProtocols("a client that leaves in the middle leaves nothing behind", async (harness) => {
  const { proxy, endpoint } = await start(harness, { buffer: { memoryBytes: "1KiB" } });
  const exchange = (await harness.speaker()).begin({ method: "POST", length: 100_000 });
  exchange.send("x".repeat(50_000));
  await eventually(() => openFiles() === 1, "the file is open");
  exchange.abort();
  await eventually(async () => (await proxy.inspect()).exchanges === 0 && openFiles() === 0, "nothing is left");
  assert.equal(endpoint.connectionCount, 0);
});
