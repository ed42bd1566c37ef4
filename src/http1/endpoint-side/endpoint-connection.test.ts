/** A connection to an endpoint, given attempts by hand. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import type { Attempt } from "../../http/attempt.ts";
import type { BodySink } from "../../http/body.ts";
import { exchangeAround } from "../../http/testing/exchange-around.ts";
import { createOwner, openConnection } from "./testing/open-connection.ts";

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

test("a tunnel that both sides have ended is written out although its endpoint is drained", async (context) => {
  const closed = Promise.withResolvers<void>();
  const owner = createOwner({ onClosed: () => closed.resolve(), onInternalError: closed.reject });
  const attempt = new UpgradeAttempt();
  const { connection, endpoint } = await openConnection(context, owner, attempt, { isReadByHand: true });
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
  endpoint.resume();
  await once(endpoint, "close");
  assert.ok(byteCount > last.length, `${byteCount} bytes came`);
  await closed.promise;
});
