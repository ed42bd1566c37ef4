/** Answers whose body ends when the endpoint closes: whether it was meant to end there is up to what is below. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import type { Attempt } from "../../http/attempt.ts";
import type { BodySink } from "../../http/body.ts";
import { exchangeAround } from "../../http/testing/exchange-around.ts";
import { createOwner, openConnection } from "./testing/open-connection.ts";

/** Says how the body of its answer ends. */
class GetAttempt implements Attempt, BodySink {
  handle: Attempt["handle"] = null;
  readonly request = exchangeAround({ method: "GET", authority: "a", target: "/" }).outgoing;
  readonly wish = "any";
  readonly bound = null;
  readonly client = null;
  readonly timeouts = null;
  readonly ended = Promise.withResolvers<string>();
  #body = "";

  onSent(): void {}
  onBodyWritable(): void {}
  onInterim(): boolean {
    return true;
  }
  onAnswer(): BodySink {
    return this;
  }
  data(chunk: Buffer): void {
    this.#body += chunk.latin1Slice();
  }
  flush(): boolean {
    return true;
  }
  end(): boolean {
    this.ended.resolve(`all: ${this.#body}`);
    return true;
  }
  abort(): void {
    this.ended.resolve(`cut: ${this.#body}`);
  }
  onFailure(error: Error): void {
    this.ended.resolve(`failed: ${error.message}`);
  }
  keepConnection(): boolean {
    return false;
  }
}

for (const [isUnclean, expected] of [
  [false, /^all: some$/],
  [true, /^(cut: some|failed: .*)$/],
] as const) {
  test(`a body until the close is ${isUnclean ? "cut" : "whole"} if the end is ${isUnclean ? "not " : ""}clean`, async (context) => {
    const attempt = new GetAttempt();
    const { wire, endpoint } = await openConnection(context, createOwner({}), attempt);
    Object.defineProperty(wire.kernelSocket, "hasEndedUncleanly", { value: isUnclean });
    await once(endpoint, "data");
    endpoint.end("HTTP/1.1 200 OK\r\n\r\nsome");
    assert.match(await attempt.ended.promise, expected);
  });
}
