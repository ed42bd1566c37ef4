/** A connection to an endpoint, given attempts by hand. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import { EndOfTurn } from "../../base/end-of-turn.ts";
import { TimerWheel } from "../../base/timer-wheel.ts";
import type { Attempt } from "../../http/attempt.ts";
import type { BodySink } from "../../http/body.ts";
import { exchangeAround } from "../../http/testing/exchange-around.ts";
import { SocketDialer } from "../../net/dialer.ts";
import type { ConnectionOwner } from "./connection-owner.ts";
import { EndpointConnection } from "./endpoint-connection.ts";
import { strictRules } from "../syntax/response-parser.ts";

const switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/** Asks for a tunnel, and says when it is there and when the endpoint has ended its side. */
class UpgradeAttempt implements Attempt, BodySink {
  handle: Attempt["handle"] = null;
  readonly request = exchangeAround({ method: "GET", authority: "a", upgrade: "websocket" }).outgoing;
  readonly wish = "any";
  readonly bound = null;
  readonly client = null;
  readonly timeouts = null;
  readonly opened = Promise.withResolvers<BodySink>();
  readonly ended = Promise.withResolvers<void>();
  #sink: BodySink | null = null;

  onSent(body: BodySink): void {
    this.#sink = body;
  }

  onBodyWritable(): void {}

  onInterim(): boolean {
    return true;
  }

  onAnswer(): BodySink {
    this.opened.resolve(this.#sink!);
    return this;
  }

  data(): void {}

  flush(): boolean {
    return true;
  }

  abort(): void {}

  end(): boolean {
    this.ended.resolve();
    return true;
  }

  onFailure(error: Error): void {
    this.opened.reject(error);
    this.ended.reject(error);
  }

  keepConnection(): boolean {
    return false;
  }
}

test("a tunnel that both sides have ended is written out although its endpoint is drained", async () => {
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, accepted.resolve);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const clock = new ManualClock();
  const closed = Promise.withResolvers<void>();
  const owner: ConnectionOwner = {
    wheel: new TimerWheel({ clock }),
    endOfTurn: new EndOfTurn(),
    timeouts: { firstByte: 0, idle: 0, longIdle: 0 },
    onIdle: () => {},
    onUnaskedContent: () => {},
    onClosed: () => closed.resolve(),
    onInternalError: closed.reject,
  };
  const attempt = new UpgradeAttempt();
  const opened = Promise.withResolvers<EndpointConnection>();
  new SocketDialer(closed.reject).dial(
    { host: "127.0.0.1", port: (server.address() as AddressInfo).port },
    {
      onWire(wire) {
        const connection = new EndpointConnection(owner, wire, strictRules);
        connection.start(attempt);
        opened.resolve(connection);
      },
      onDialFailed: ({ detail }) => opened.reject(new Error(detail)),
    },
  );
  const connection = await opened.promise;
  const endpoint = await accepted.promise;
  server.close();
  endpoint.write(switched);
  const sink = await attempt.opened.promise;
  // More than the kernel takes while the endpoint does not read.
  const last = Buffer.alloc(16_777_216, "x");
  sink.data(last);
  assert.equal(sink.flush(), false);
  sink.end(null);
  endpoint.end();
  await attempt.ended.promise;
  connection.cancel(attempt);
  connection.drain();
  let byteCount = 0;
  endpoint.on("data", (chunk: Buffer) => void (byteCount += chunk.length));
  endpoint.on("error", () => {});
  endpoint.resume();
  await once(endpoint, "close");
  assert.ok(byteCount > last.length, `${byteCount} bytes came`);
  await closed.promise;
});
