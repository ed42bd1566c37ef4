/** `buffer` and `bodyLimit` from outside: what reaches the endpoint and when, and what is refused. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import fs, { readdirSync, readlinkSync } from "node:fs";
import { request } from "node:http";
import { syncBuiltinESMExports } from "node:module";
import { type Harness, testWithHarness } from "../support/harness.ts";
import type { Origin } from "../support/origin.ts";
import { modes, type ProxyUnderTest } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

interface Received {
  readonly headers: Record<string, unknown>;
  readonly trailers: Record<string, unknown>;
  readonly bytes: number;
  readonly hash: string;
}

/** Answers with what it received: Node's own server, for a second opinion on framing. */
const startOrigin = (harness: Harness): Promise<Origin> =>
  harness.origin((incoming, outgoing) => {
    const hash = createHash("sha256");
    let bytes = 0;
    incoming.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      hash.update(chunk);
    });
    incoming.on("end", () =>
      outgoing.end(
        JSON.stringify({ headers: incoming.headers, trailers: incoming.trailers, bytes, hash: hash.digest("hex") }),
      ),
    );
  });

async function start(
  harness: Harness,
  middleware: object,
  threads = 0,
): Promise<{ proxy: ProxyUnderTest; origin: Origin }> {
  const origin = await startOrigin(harness);
  const proxy = await harness.proxy({ threads, endpoints: [origin.url], routes: routesWith(middleware) });
  return { proxy, origin };
}

const routesWith = (middleware: object): readonly unknown[] => [
  { name: "up", middlewares: [middleware], upstream: "app" },
];

/** Sends a body with a length, or chunked. */
function send(
  proxy: ProxyUnderTest,
  body: Buffer,
  headers: Record<string, string> = {},
  method = "PUT",
): Promise<{ status: number; text: string; received: Received | null }> {
  return new Promise((resolve, reject) => {
    const call = request({ port: proxy.port, host: "127.0.0.1", method, headers, agent: false }, async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      resolve({
        status: response.statusCode ?? 0,
        text,
        received: response.statusCode === 200 ? (JSON.parse(text) as Received) : null,
      });
    });
    call.on("error", reject);
    if (headers["transfer-encoding"] === "chunked")
      for (let at = 0; at < body.length; at += 10_000) call.write(body.subarray(at, at + 10_000));
    else if (headers["content-length"] === undefined) call.setHeader("content-length", body.length);
    call.end(headers["transfer-encoding"] === "chunked" ? undefined : body);
  });
}

const hashOf = (body: Buffer): string => createHash("sha256").update(body).digest("hex");

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
  testWithHarness(`${title}: bodies of any size arrive whole, with a length`, async (harness) => {
    const { proxy } = await start(harness, { buffer: { maxRequestBytes: "2MiB", memoryBytes: "16KiB" } }, threads);
    for (const size of [1, 100, 16_384, 16_385, 200_000, 1_500_000]) {
      const body = randomBytes(size);
      for (const headers of [{}, { "transfer-encoding": "chunked" }]) {
        const { received } = await send(proxy, body, headers);
        assert.deepEqual(
          [
            received?.bytes,
            received?.hash,
            received?.headers["content-length"],
            received?.headers["transfer-encoding"],
          ],
          [size, hashOf(body), String(size), undefined],
        );
      }
    }
    const metrics = await proxy.metrics();
    assert.equal(metrics.sum("millrace_buffered_requests_total", { place: "memory" }), 6);
    assert.equal(metrics.sum("millrace_buffered_requests_total", { place: "file" }), 6);
    await eventually(() => openFiles() === 0, "no temporary file stays open");
  });
}

testWithHarness("a slow upload holds no connection to an endpoint", async (harness) => {
  const { proxy, origin } = await start(harness, { buffer: {} });
  const before = origin.connectionCount;
  const client = await harness.raw();
  client.socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
  for (const letter of "012345678") {
    client.socket.write(letter);
    await eventually(async () => (await proxy.inspect()).exchanges === 1, "the request is under way");
    assert.equal(origin.connectionCount, before);
    assert.equal((await proxy.inspect()).upstreamConnections, 0);
  }
  client.socket.write("9");
  await eventually(() => client.received.includes('"bytes":10'), "the answer comes");
  assert.equal(origin.connectionCount, before + 1);
});

testWithHarness(
  "a body of one-byte chunks is written to its file in blocks, and passes as it came",
  async (harness, t) => {
    await start(harness, { buffer: { maxRequestBytes: "1MiB", memoryBytes: "1KiB" } });
    const writes = t.mock.method(fs, "write");
    syncBuiltinESMExports();
    t.after(() => {
      writes.mock.restore();
      syncBuiltinESMExports();
    });
    const size = 300_000;
    const client = await harness.raw();
    client.socket.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.socket.write(`${"1\r\nx\r\n".repeat(size)}0\r\n\r\n`);
    await eventually(() => client.received.includes(`"bytes":${size}`), "the answer comes");
    // The access log is written by the same function.
    assert.ok(writes.mock.callCount() < 20, `${writes.mock.callCount()} writes`);
  },
);

testWithHarness("trailers keep the chunked coding", async (harness) => {
  await start(harness, { buffer: {} });
  const client = await harness.raw();
  client.socket.write(
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n",
  );
  await eventually(() => client.received.includes('"bytes":3'), "the answer comes");
  assert.match(client.received.toString(), /"transfer-encoding":"chunked"/);
  assert.match(client.received.toString(), /"trailers":\{"x-sum":"7"\}/);
});

testWithHarness(
  "a client that waits for a 100 gets it from here, and the endpoint is not asked again",
  async (harness) => {
    await start(harness, { buffer: {} });
    const client = await harness.raw();
    client.socket.write("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    await eventually(() => client.received.includes("HTTP/1.1 100 Continue\r\n\r\n"), "the 100 comes");
    client.socket.write("abc");
    await eventually(() => client.received.includes('"bytes":3'), "the answer comes");
    assert.doesNotMatch(client.received.toString(), /"expect"/);
  },
);

for (const [name, middleware] of [
  ["buffer", { buffer: { maxRequestBytes: "1KiB" } }],
  ["bodyLimit", { bodyLimit: { maxRequestBytes: "1KiB" } }],
] as const) {
  testWithHarness(
    `${name}: too long a body is refused at once if its length is said, and as soon as it shows if not`,
    async (harness) => {
      const { proxy } = await start(harness, middleware);
      assert.equal((await send(proxy, randomBytes(1_024))).received?.bytes, 1_024);
      assert.equal((await send(proxy, randomBytes(1_024), { "transfer-encoding": "chunked" })).received?.bytes, 1_024);
      const client = await harness.raw();
      client.socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\n\r\n");
      await eventually(() => client.received.includes("BODY_TOO_LARGE"), "it is refused before it is sent");
      assert.match(client.received.toString(), /^HTTP\/1\.1 413 /);
      const chunked = await harness.raw();
      chunked.socket.write(
        `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n${"x".repeat(1_024)}\r\n`,
      );
      await eventually(async () => (await proxy.inspect()).exchanges >= 1, "it is under way");
      assert.equal(chunked.received.length, 0);
      chunked.socket.write("1\r\nx\r\n");
      await eventually(() => chunked.received.includes("BODY_TOO_LARGE"), "it is refused");
      assert.match(chunked.received.toString(), /^HTTP\/1\.1 413 /);
      await eventually(async () => (await proxy.inspect()).exchanges === 0, "nothing is under way any more");
      const atOnce = await harness.raw();
      atOnce.socket.write(
        `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${`200\r\n${"x".repeat(512)}\r\n`.repeat(5)}0\r\n\r\n`,
      );
      await eventually(() => atOnce.received.includes("BODY_TOO_LARGE"), "it is refused with all of it there");
      const metrics = await proxy.metrics();
      assert.equal(metrics.sum("millrace_rejected_total", { reason: "BODY_TOO_LARGE" }), 3);
      assert.equal(metrics.sum("millrace_internal_errors_total"), 0);
    },
  );
}

testWithHarness("every attempt is given the whole body, also what no replay buffer would hold", async (harness) => {
  let broken = 0;
  const breaking = await harness.origin((incoming) => {
    incoming.on("end", () => {
      broken++;
      incoming.socket.resetAndDestroy();
    });
    incoming.resume();
  });
  const origin = await startOrigin(harness);
  const proxy = await harness.proxy({
    endpoints: [breaking.url, origin.url],
    routes: routesWith({ buffer: { memoryBytes: "4KiB" } }),
  });
  for (const size of [3_000, 500_000]) {
    for (let count = 0; count < 2; count++) {
      const body = randomBytes(size);
      const { received } = await send(proxy, body);
      assert.deepEqual([received?.bytes, received?.hash], [size, hashOf(body)]);
    }
  }
  assert.ok(broken >= 1, "the breaking endpoint was tried");
});

testWithHarness("a client that closes or resets after any number of bytes leaves nothing behind", async (harness) => {
  const { proxy, origin } = await start(harness, { buffer: { memoryBytes: 4 } });
  const before = origin.connectionCount;
  const bytes = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n3\r\nghi\r\n0\r\n\r";
  for (let length = 1; length <= bytes.length; length += length < 50 ? 10 : 1) {
    for (const leave of ["end", "reset"] as const) {
      const client = await harness.raw();
      client.send(bytes.slice(0, length));
      await eventually(async () => (await proxy.inspect()).connections === 1, "it is connected");
      client[leave]();
      await eventually(
        async () => (await proxy.inspect()).connections === 0,
        `the connection is closed after ${length} bytes and ${leave}`,
      );
      client.destroy();
    }
  }
  await eventually(async () => openFiles() === 0 && (await proxy.inspect()).exchanges === 0, "nothing is left");
  assert.equal(origin.connectionCount, before, "no endpoint was asked");
});

testWithHarness("a client that leaves in the middle leaves nothing behind", async (harness) => {
  const { proxy, origin } = await start(harness, { buffer: { memoryBytes: "1KiB" } });
  const before = origin.connectionCount;
  const client = await harness.raw();
  client.socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n${"x".repeat(50_000)}`);
  await eventually(() => openFiles() === 1, "the file is open");
  client.socket.destroy();
  await eventually(async () => (await proxy.inspect()).exchanges === 0 && openFiles() === 0, "nothing is left");
  assert.equal(origin.connectionCount, before);
});
