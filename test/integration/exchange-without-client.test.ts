/**
 * Exchanges that no client waits for, sent through a compiled route to a real endpoint: code gives the request and takes
 * the answer.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EndOfTurn } from "../../src/base/end-of-turn.ts";
import { systemScheduler } from "../../src/base/scheduler.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import type { AnswerHead } from "../../src/http/answer.ts";
import { type BodySink, type BodySource, noBody, type RequestBody } from "../../src/http/body.ts";
import type { Exchange } from "../../src/http/exchange.ts";
import { type AnswerTaker, openExchange } from "../../src/http/exchange-without-client.ts";
import { Fields } from "../../src/http/field-section.ts";
import { ForwardingPrefix } from "../../src/http/forwarding-fields.ts";
import { Framing, RequestHead } from "../../src/http/message.ts";
import { createContext } from "../../src/middleware/testing/context.ts";
import { Runtime } from "../../src/server/runtime.ts";
import { Endpoint } from "../support/endpoint.ts";

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
async function open(url: string, { upstream = {}, route = {} } = {}) {
  const { context, countOf } = createContext();
  const bugs: unknown[] = [];
  const onInternalError = (error: unknown): void => void bugs.push(error);
  const { wheel, memory, held } = context;
  wheel.start();
  const runtime = await Runtime.build(
    {
      config: parseConfig({
        listeners: [{ address: ":0" }],
        routes: [{ upstream: "app", ...route }],
        upstreams: { app: { endpoints: [url], ...upstream } },
      }),
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
  const close = (): void => {
    for (const transport of runtime.upstreams.transports) transport.close();
    wheel.close();
  };
  return { send, close, bugs, runtime, countOf };
}

test("a request of code's making passes the route's middlewares, and the endpoint's answer comes back through them", async (context) => {
  const endpoint = await Endpoint.start({
    fields: { "x-a": "1" },
    body: ["some ", "content"],
    trailers: { "x-t": "2" },
  });
  context.after(() => endpoint.close());
  const middlewares = [
    { headers: { request: { set: { "x-sent": "yes" } }, response: { set: { "x-passed": "yes" } } } },
  ];
  const { send, close, bugs } = await open(endpoint.url, { route: { middlewares } });
  context.after(close);
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
});

test("code gives a body, at the pace of the endpoint", async (context) => {
  const endpoint = await Endpoint.start();
  context.after(() => endpoint.close());
  const { send, close } = await open(endpoint.url);
  context.after(close);
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

test("a body of code's that breaks off is not taken for complete", async (context) => {
  const endpoint = await Endpoint.start();
  context.after(() => endpoint.close());
  const { send, close } = await open(endpoint.url);
  context.after(close);
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

test("if no endpoint answers, the proxy's own answer is taken, and the record says why", async (context) => {
  const { send, close } = await open("http://127.0.0.1:1", { upstream: { retry: { attempts: 0 } } });
  context.after(close);
  const taker = new Taker();
  send(taker);
  const { record } = await taker.ended.promise;
  assert.deepEqual([taker.head!.status, taker.head!.from, record.reason], [502, "proxy", "UPSTREAM_CONNECT_FAILED"]);
});

for (const when of ["before its answer", "in its answer"] as const) {
  test(`an exchange that is given up ${when} ends at the endpoint, too, and is told once`, async (context) => {
    const endpoint = await Endpoint.start((exchange) => {
      if (when === "in its answer") {
        exchange.start(10);
        exchange.send("some");
      }
    });
    context.after(() => endpoint.close());
    const { send, close, runtime } = await open(endpoint.url);
    context.after(close);
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
  });
}

test("a taker that is slow holds the endpoint back until it can take more", async (context) => {
  const endpoint = await Endpoint.start((exchange) => {
    exchange.start(6);
    exchange.send("abc");
  });
  context.after(() => endpoint.close());
  const { send, close } = await open(endpoint.url);
  context.after(close);
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

test("a bug in who takes the answer ends that exchange; another one that shares its connection to the endpoint goes on", async (context) => {
  const endpoint = await Endpoint.start();
  context.after(() => endpoint.close());
  const { send, close, bugs } = await open(endpoint.url, { upstream: { pool: { pipelining: 4 } } });
  context.after(close);
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
});
