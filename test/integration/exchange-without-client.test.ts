/**
 * Exchanges that no client waits for, sent through a compiled route to a real endpoint: code gives the request and takes
 * the answer.
 */
import assert from "node:assert/strict";
import { EndOfTurn } from "../../src/base/end-of-turn.ts";
import { systemScheduler } from "../../src/base/scheduler.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import type { AnswerHead } from "../../src/http/answer.ts";
import { type BodySink, type BodySource, noBody, type RequestBody } from "../../src/http/body.ts";
import type { Exchange } from "../../src/http/exchange.ts";
import { type AnswerTaker, openExchange } from "../../src/http/exchange-without-client.ts";
import { Fields } from "../../src/http/fields.ts";
import { ForwardingPrefix } from "../../src/http/forwarding-fields.ts";
import { Framing, RequestHead } from "../../src/http/message.ts";
import { createContext } from "../../src/middleware/testing/context.ts";
import { silentLogger } from "../../src/observe/logger.ts";
import { EndpointTlsKeeper } from "../../src/server/certificates/endpoint-tls-keeper.ts";
import { Runtime } from "../../src/server/runtime.ts";
import { type Harness, testOverProtocols, testWithHarness } from "../support/harness.ts";

const clock = systemScheduler.clock;
const origin = { listenerName: "main", scheme: "http", peerAddress: "192.0.2.1", peerPort: 1 } as const;
const forwardingPrefix = new ForwardingPrefix({ ...origin, isPeerTrusted: false, pseudonym: "m" });

/** Takes an answer, and tells when the exchange is over. */
class Taker implements AnswerTaker, BodySink {
  head: AnswerHead | null = null;
  content = "";
  trailers: Fields | null = null;
  aborted: string | null = null;
  source: BodySource | null = null;
  isOpen = true;
  readonly ended = Promise.withResolvers<Exchange>();
  readonly begun = Promise.withResolvers<void>();
  endCount = 0;

  start(head: AnswerHead, source: BodySource): BodySink {
    this.head = head;
    this.source = source;
    this.begun.resolve();
    return this;
  }
  data(chunk: Buffer): void {
    this.content += chunk.toString();
  }
  flush(): boolean {
    return this.isOpen;
  }
  end(trailers: Fields | null): boolean {
    this.trailers = trailers;
    return true;
  }
  abort(code: string): void {
    this.aborted = code;
  }
  onEnd(exchange: Exchange): void {
    this.endCount++;
    this.ended.resolve(exchange);
  }
}

/** A runtime with one route to `url`, as a proxy thread would have it. */
async function open(harness: Harness, url: string, { upstream = {}, route = {} } = {}) {
  const { context, countOf } = createContext();
  const bugs: unknown[] = [];
  const onInternalError = (error: unknown): void => void bugs.push(error);
  const { wheel, memory, held } = context;
  wheel.start();
  const keeper = new EndpointTlsKeeper({ logger: silentLogger, onChange: () => Promise.resolve() });
  const config = await keeper.prepare(
    parseConfig({
      listeners: [{ address: ":0" }],
      routes: [{ upstream: "app", ...route }],
      upstreams: { app: { endpoints: [url], ...harness.protocols.endpoint.upstream([url]), ...upstream } },
    }),
  );
  const runtime = await Runtime.build(
    {
      config,
      memory,
      stripeIndex: 0,
      stripes: 1,
      middlewares: { ...context, onInternalError },
      transports: {
        wheel,
        endOfTurn: new EndOfTurn(),
        resolver: { resolve: () => assert.fail("an address needs no resolving"), watch: () => {}, unwatch: () => {} },
        onConnected: () => {},
        onInternalError,
      },
      forwarding: {
        wheel,
        scheduler: systemScheduler,
        held,
        random: Math.random,
        onRetry: () => {},
        onAttemptFailure: () => {},
        onRetryRefused: () => {},
        onHedge: () => {},
        onTunnel: () => {},
      },
    },
    null,
  );
  const send = (taker: AnswerTaker, facts: Partial<RequestHead> = {}, body: RequestBody = noBody) => {
    const request = Object.assign(new RequestHead(), {
      method: "GET",
      authority: "a",
      target: "/a?b",
      path: "/a",
      ...facts,
    });
    const opened = openExchange({ request, body, origin, forwardingPrefix, clock, taker, onInternalError });
    const match = runtime.match(opened.exchange);
    assert.ok(match !== null && typeof match === "object");
    match.answer(opened.exchange);
    return opened;
  };
  harness.endWithClients(() => {
    for (const transport of runtime.upstreams.transports) transport.close();
    wheel.close();
  });
  return { send, bugs, runtime, countOf };
}

testOverProtocols(
  "a request of code's making passes the route's middlewares, and the endpoint's answer comes back through them",
  async (harness) => {
    const endpoint = await harness.endpoint({
      fields: { "x-a": "1" },
      body: ["some ", "content"],
      trailers: { "x-t": "2" },
    });
    const middlewares = [
      { headers: { request: { set: { "x-sent": "yes" } }, response: { set: { "x-passed": "yes" } } } },
    ];
    const { send, bugs } = await open(harness, endpoint.url, { route: { middlewares } });
    const taker = new Taker();
    send(taker, { keptFields: "X-Own: 1\r\n" });
    const { record, isEnded } = await taker.ended.promise;
    assert.deepEqual([taker.head!.status, taker.head!.from, taker.content], [200, "endpoint", "some content"]);
    assert.deepEqual([taker.head!.fields.value("x-a"), taker.head!.fields.value("x-passed")], ["1", "yes"]);
    assert.equal(taker.trailers?.value("x-t"), "2");
    const [request] = endpoint.requests;
    assert.deepEqual([request!.method, request!.target, request!.authority], ["GET", "/a?b", "a"]);
    assert.deepEqual([request!.value("x-own"), request!.value("x-sent")], ["1", "yes"]);
    assert.deepEqual(
      [isEnded, record.status, record.reason, record.upstreamName, record.responseBodyBytes, record.attempts],
      [true, 200, null, "app", 12, 1],
    );
    assert.ok(record.endedMs >= record.firstByteMs && record.firstByteMs >= record.startedMs);
    assert.deepEqual([bugs, taker.endCount], [[], 1]);
  },
);

testOverProtocols("code gives a body, at the pace of the endpoint", async (harness) => {
  const endpoint = await harness.endpoint();
  const { send } = await open(harness, endpoint.url);
  const taker = new Taker();
  send(
    taker,
    { method: "POST", framing: Framing.chunked },
    {
      length: "unknown",
      isRepeatable: false,
      open(sink) {
        sink.data(Buffer.from("first "));
        sink.flush();
        sink.data(Buffer.from("second"));
        sink.end(Fields.ofText("X-Sum: 1\r\n"));
        return { resume: () => {}, stop: () => {} };
      },
    },
  );
  await taker.ended.promise;
  assert.equal(endpoint.requests[0]!.text, "first second");
  assert.equal(taker.content, "ok");
});

testOverProtocols("a body of code's that breaks off is not taken for complete", async (harness) => {
  const endpoint = await harness.endpoint();
  const { send } = await open(harness, endpoint.url);
  const taker = new Taker();
  const came = endpoint.nextHead();
  send(
    taker,
    { method: "POST", framing: Framing.chunked },
    {
      length: "unknown",
      isRepeatable: false,
      open(sink) {
        sink.data(Buffer.from("first "));
        sink.flush();
        void came.then(() => sink.abort("BODY_TIMEOUT"));
        return { resume: () => {}, stop: () => {} };
      },
    },
  );
  const { record } = await taker.ended.promise;
  await (await came).untilGone();
  assert.deepEqual([record.reason, taker.head!.status, taker.head!.from], ["BODY_TIMEOUT", 408, "proxy"]);
  assert.equal(endpoint.requests.length, 0);
});

testOverProtocols(
  "if no endpoint answers, the proxy's own answer is taken, and the record says why",
  async (harness) => {
    const { send } = await open(harness, "http://127.0.0.1:1", { upstream: { retry: { attempts: 0 } } });
    const taker = new Taker();
    send(taker);
    const { record } = await taker.ended.promise;
    assert.deepEqual([taker.head!.status, taker.head!.from, record.reason], [502, "proxy", "UPSTREAM_CONNECT_FAILED"]);
  },
);

for (const when of ["before its answer", "in its answer"] as const) {
  testOverProtocols(
    `an exchange that is given up ${when} ends at the endpoint, too, and is told once`,
    async (harness) => {
      const endpoint = await harness.endpoint((exchange) => {
        if (when === "in its answer") {
          exchange.start(10);
          exchange.send("some");
        }
      });
      const { send, runtime } = await open(harness, endpoint.url);
      const taker = new Taker();
      const opened = send(taker);
      const asked = await endpoint.asked();
      if (when === "in its answer") {
        await taker.begun.promise;
        taker.source!.stop("TOTAL_TIMEOUT");
      } else opened.cancel("TOTAL_TIMEOUT");
      opened.cancel("CLIENT_GONE");
      const { record } = await taker.ended.promise;
      await asked.untilGone();
      assert.deepEqual([record.reason, record.status], ["TOTAL_TIMEOUT", when === "in its answer" ? 200 : 499]);
      assert.deepEqual([taker.endCount, runtime.upstreams.get("app")!.endpoints[0]!.inFlight], [1, 0]);
    },
  );
}

testOverProtocols("a taker that is slow holds the endpoint back until it can take more", async (harness) => {
  const endpoint = await harness.endpoint((exchange) => {
    exchange.start(6);
    exchange.send("abc");
  });
  const { send } = await open(harness, endpoint.url);
  const taker = new Taker();
  taker.isOpen = false;
  send(taker);
  await taker.begun.promise;
  (await endpoint.asked()).send("def");
  taker.isOpen = true;
  taker.source!.resume();
  await taker.ended.promise;
  assert.equal(taker.content, "abcdef");
});

testWithHarness(
  "a bug in who takes the answer ends that exchange; another one that shares its connection to the endpoint goes on",
  async (harness) => {
    const endpoint = await harness.endpoint();
    const { send, bugs } = await open(harness, endpoint.url, { upstream: { pool: { pipelining: 4 } } });
    // The connection has to have served before it is shared.
    const first = new Taker();
    send(first);
    await first.ended.promise;
    endpoint.behaviour = () => {};
    const broken = new Taker();
    broken.data = () => {
      throw new Error("a bug");
    };
    const other = new Taker();
    send(broken);
    send(other);
    await endpoint.asked(3);
    for (const exchange of endpoint.exchanges.slice(1)) exchange.answer();
    assert.deepEqual([(await broken.ended.promise).record.reason, broken.aborted], ["INTERNAL_ERROR", null]);
    assert.deepEqual([(await other.ended.promise).record.reason, other.content], [null, "ok"]);
    assert.deepEqual([bugs.length, endpoint.connectionCount], [1, 1]);
  },
);
