/**
 * Clients that pipeline requests as fast as they can, to each kind of answer that the proxy gives itself: what another
 * client waits for is a bounded number of their answers. Counted in the access log, not measured in time.
 */
import assert from "node:assert/strict";
import { testWithHarness } from "../support/harness.ts";
import type { RawClient } from "../support/raw-client.ts";

const floodingClients = 5;
const asked = 12;
/**
 * Five clients have sixteen answers each in a turn of the event loop; a request and its answer take a few turns, also
 * of the test's own side.
 */
const maxAnswersBetween = 1_500;

const get = (path: string, fields = ""): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;

const rows: readonly (readonly [what: string, request: string, status: number, code: string | null])[] = [
  ["no route", get("/none"), 404, "NO_ROUTE"],
  ["a fixed text", get("/text"), 200, null],
  ["a fixed text to HEAD", "HEAD /text HTTP/1.1\r\nHost: a\r\n\r\n", 200, null],
  ["a fixed text to a small upload", "POST /text HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 200, null],
  [
    "a fixed text to a chunked upload",
    "POST /text HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    200,
    null,
  ],
  ["a fixed text, behind empty lines", `\r\n\r\n\r\n${get("/text")}`, 200, null],
  ["a redirect", get("/redirect"), 308, null],
  ["a rate limit", get("/limited"), 429, "RATE_LIMITED"],
  ["a fault", get("/fault"), 503, "FAULT_INJECTED"],
  ["Max-Forwards", "OPTIONS /app HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n", 200, null],
  ["an endpoint that cannot be reached", get("/dead"), 502, "UPSTREAM_CONNECT_FAILED"],
  ["an open breaker", get("/broken"), 503, "BREAKER_OPEN"],
  ["a full queue", get("/full"), 503, "QUEUE_FULL"],
  ["an endpoint", get("/app"), 200, null],
];

/** Writes `request` again and again, as fast as it is taken. @returns what ends it */
function flood(client: RawClient, request: string): () => void {
  const block = Buffer.from(request.repeat(Math.ceil(65_536 / request.length)), "latin1");
  let isOver = false;
  // What was received is thrown away.
  client.socket.removeAllListeners("data");
  client.socket.resume();
  const write = (): void => {
    while (!isOver && client.socket.writable && client.socket.write(block));
  };
  client.socket.on("drain", write);
  write();
  return () => {
    isOver = true;
    client.destroy();
  };
}

for (const [what, request, status, code] of rows) {
  testWithHarness(`a pipelined flood of requests that ${what} answers leaves others their turn`, async (harness) => {
    const { url, server } = await harness.origin((asked, answer) => {
      // This one is never answered: it holds the only place of its upstream.
      if (asked.url !== "/full") answer.end("ok");
    });
    // A client that has gone is not noticed behind what it has pipelined.
    harness.endWithClients(() => server.close().closeAllConnections());
    const route = (path: string, rest: object): object => ({ name: path.slice(1), match: { path }, ...rest });
    await harness.proxy({
      config: {
        upstreams: {
          app: { endpoints: [url] },
          dead: { endpoints: ["http://127.0.0.1:1"], retry: { attempts: 0 } },
          broken: {
            endpoints: ["http://127.0.0.1:1"],
            retry: { attempts: 0 },
            breaker: { minRequests: 1, errorPercent: 1, open: "1h" },
          },
          full: { endpoints: [url], limits: { maxRequests: 1, maxPending: 0 } },
        },
      },
      routes: [
        route("/other", { respond: { body: "other" } }),
        route("/text", { respond: { body: "text" } }),
        route("/redirect", { redirect: { to: "/text" } }),
        route("/limited", {
          middlewares: [{ rateLimit: { rate: "1/h", burst: 1, key: "route" } }],
          respond: { body: "text" },
        }),
        route("/fault", {
          middlewares: [{ fault: { abort: { percent: "100%", status: 503 } } }],
          respond: { body: "text" },
        }),
        ...["app", "dead", "broken", "full"].map((name) => route(`/${name}`, { upstream: name })),
      ],
    });
    for (let at = 0; at < floodingClients; at++) harness.endWithClients(flood(await harness.raw(), request));
    const other = await harness.raw();
    for (let at = 0; at < asked; at++) {
      other.send(get("/other"));
      assert.equal((await other.response()).body.toString(), "other");
    }
    const lines = (await harness.end())[0]!;
    const places = lines.flatMap(({ route: name }, at) => (name === "other" ? [at] : []));
    const between = places.slice(1).map((place, at) => place - places[at]! - 1);
    assert.equal(places.length, asked);
    assert.ok(
      Math.max(...between) <= maxAnswersBetween,
      `answers to the flood between two of the other client: ${between.join(", ")}`,
    );
    const ofFlood = lines.filter(
      (line) => line["route"] !== "other" && line["status"] === status && (line["reason"] ?? null) === code,
    );
    assert.ok(ofFlood.length > 10 * floodingClients, `${ofFlood.length} answers with ${status} ${code ?? ""}`);
  });
}
