/** Attempts that give themselves up while their answer is being read: from a callback of the connection that reads it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { test, type TestContext } from "node:test";
import type { Attempt } from "../../http/attempt.ts";
import type { BodySink } from "../../http/body.ts";
import { exchangeAround } from "../../http/testing/exchange-around.ts";
import type { EndpointConnection } from "./endpoint-connection.ts";
import { createOwner, openConnection } from "./testing/open-connection.ts";

/** A GET that may share its connection. What its callbacks do is up to the test. */
class GetAttempt implements Attempt, BodySink {
  handle: Attempt["handle"] = null;
  readonly request = exchangeAround({ method: "GET", authority: "a", target: "/" }).outgoing;
  readonly wish = "any";
  readonly bound = null;
  readonly client = null;
  readonly timeouts = null;
  readonly ended = Promise.withResolvers<void>();
  readonly chunks: Buffer[] = [];
  onChunk = (): void => {};
  takesMore = (): boolean => true;
  takesInterim = (): boolean => true;

  constructor() {
    // The test may be over before.
    this.ended.promise.catch(() => {});
  }

  onSent(): void {}
  onBodyWritable(): void {}

  onAnswer(): BodySink {
    return this;
  }

  onInterim(): boolean {
    return this.takesInterim();
  }

  data(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.onChunk();
  }

  flush(): boolean {
    return this.takesMore();
  }

  end(): boolean {
    this.ended.resolve();
    return true;
  }

  abort(): void {}

  onFailure(error: Error): void {
    this.ended.reject(error);
  }

  keepConnection(): boolean {
    return false;
  }

  giveUp(): void {
    this.handle!.cancel(this);
  }
}

/** A connection that has served once, and the endpoint's end of it. */
async function open(context: TestContext): Promise<{
  connection: EndpointConnection;
  endpoint: Socket;
  bugs: unknown[];
  /** Starts attempts, and waits until the endpoint has been asked. */
  ask: (...attempts: GetAttempt[]) => Promise<void>;
  /** Has the endpoint send `bytes`, and waits until they are read. */
  send: (bytes: string) => Promise<void>;
}> {
  const bugs: unknown[] = [];
  const first = new GetAttempt();
  const owner = createOwner({ onInternalError: (error) => void bugs.push(error) });
  const { connection, wire, endpoint } = await openConnection(context, owner, first);
  const { kernelSocket } = wire;
  let sentBytes = 0;
  const send = async (bytes: string): Promise<void> => {
    endpoint.write(bytes);
    sentBytes += bytes.length;
    while (kernelSocket.bytesRead < sentBytes && !kernelSocket.isDestroyed) await new Promise(setImmediate);
  };
  const ask = async (...attempts: GetAttempt[]): Promise<void> => {
    let asked = "";
    endpoint.on("data", (chunk: Buffer) => void (asked += chunk.toString()));
    for (const attempt of attempts) connection.start(attempt);
    while (asked.split("\r\n\r\n").length <= attempts.length) await once(endpoint, "data");
    endpoint.removeAllListeners("data");
  };
  await once(endpoint, "data");
  await send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  await first.ended.promise;
  return { connection, endpoint, bugs, ask, send };
}

const headOf = (length: number): string => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`;

test("an attempt that is given up at the end of a read and takes no more does not stop those behind it", async (context) => {
  const { ask, send, bugs } = await open(context);
  const [one, other] = [new GetAttempt(), new GetAttempt()];
  one.takesMore = () => {
    one.giveUp();
    return false;
  };
  await ask(one, other);
  await send(`${headOf(10)}12345`);
  await send(`67890${headOf(5)}other`);
  await other.ended.promise;
  assert.equal(Buffer.concat(other.chunks).toString(), "other");
  assert.deepEqual(bugs, []);
});

test("one that is given up at an interim answer that it does not take does not stop those behind it either", async (context) => {
  const { ask, send } = await open(context);
  const [one, other] = [new GetAttempt(), new GetAttempt()];
  one.takesInterim = () => {
    one.giveUp();
    return false;
  };
  await ask(one, other);
  await send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  await send(`${headOf(5)}12345${headOf(5)}other`);
  await other.ended.promise;
});

test("what was lent to an attempt that is given up within a read is not read over", async (context) => {
  const { ask, send } = await open(context);
  const [one, other] = [new GetAttempt(), new GetAttempt()];
  one.onChunk = () => one.giveUp();
  await ask(one, other);
  await send(`${headOf(6_000)}${"1".repeat(3_000)}`);
  await send("2".repeat(3_000));
  await send(`${headOf(6_000)}${"3".repeat(6_000)}`);
  await other.ended.promise;
  assert.ok(/^1+$/.test(one.chunks[0]!.toString()));
});

test("an attempt that is given up at the last piece of its answer is no bug", async (context) => {
  for (const answer of [
    `${headOf(5)}12345`,
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
  ]) {
    const { ask, send, bugs } = await open(context);
    const attempt = new GetAttempt();
    attempt.onChunk = () => attempt.giveUp();
    await ask(attempt);
    await send(answer);
    assert.deepEqual(bugs, []);
  }
});
