/** Limits of what only HTTP/1.1 has: heads that come byte by byte, empty lines, pipelined requests. */
import assert from "node:assert/strict";
import { testWithHarness } from "../support/harness.ts";
import type { RawClient } from "../support/raw-client.ts";
import { answerOk } from "../support/scripted-upstream.ts";

const get = (target = "/"): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;

/** Sends `bytes` one by one, a few milliseconds apart, until the connection is over. */
async function drip(client: RawClient, bytes: string): Promise<void> {
  for (const byte of bytes) {
    if (client.isOver) return;
    client.send(byte);
    await new Promise<void>((resolve) => setTimeout(resolve, 10));
  }
}

testWithHarness("a head that drips in byte by byte is cut off by the head's total deadline", async (harness) => {
  const { client, upstream } = await harness.rawTrio({ listener: { timeouts: { head: "200ms" } } });
  void drip(client, `GET / HTTP/1.1\r\nHost: a\r\nX: ${"y".repeat(500)}`);
  assert.equal((await client.response()).status, 408);
  await client.untilOver();
  assert.equal(upstream.requests.length, 0);
});

testWithHarness("empty lines do not hold a connection open", async (harness) => {
  const { client } = await harness.rawTrio({ listener: { timeouts: { head: "200ms", keepAlive: "200ms" } } });
  void drip(client, "\r\n".repeat(500));
  await client.untilOver();
});

for (const rest of ["\r\n", "\r\n\r\n", "\r"]) {
  testWithHarness(
    `${JSON.stringify(rest)} behind a request is no request: the connection is idle, and ends without a word`,
    async (harness) => {
      const { client } = await harness.rawTrio({ listener: { timeouts: { head: "1h", keepAlive: "200ms" } } });
      client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello${rest}`);
      assert.equal((await client.response()).status, 200);
      await client.untilOver();
      assert.equal(client.unread.length, 0);
    },
  );

  testWithHarness(`${JSON.stringify(rest)} ahead of the client's FIN is not answered`, async (harness) => {
    const { client } = await harness.rawTrio();
    client.send(`${get()}${rest}`);
    client.end();
    assert.equal((await client.response()).status, 200);
    await client.untilOver();
    assert.equal(client.unread.length, 0);
  });
}

testWithHarness("pipelined requests are answered in order, whatever each takes", async (harness) => {
  const held: (() => void)[] = [];
  const { client, upstream } = await harness.rawTrio(
    {},
    {
      onRequest: (connection, { target }) => {
        const answer = (): void =>
          connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`);
        if (target === "/0") held.push(answer);
        else answer();
      },
    },
  );
  client.send(Array.from({ length: 50 }, (_, at) => get(`/${at}`)).join(""));
  await upstream.until(() => held.length === 1, "the first was asked");
  assert.equal(client.received.length, 0, "nothing overtakes the first");
  held[0]?.();
  for (let at = 0; at < 50; at++) assert.equal((await client.response()).body.toString(), `/${at}`);
});

testWithHarness("a flood of pipelined requests behind one that waits is not read without bound", async (harness) => {
  const { client, upstream } = await harness.rawTrio({}, {});
  client.send(get("/wait"));
  await upstream.until(() => upstream.requests.length === 1, "the first was asked");
  const block = get().repeat(2_000);
  for (let at = 0; at < 1_000; at++) client.socket.write(block, "latin1");
  // The kernel's buffers take a few megabytes of the 78; the rest must wait on the client's side.
  for (let still = 0, before = -1; still < 300; still++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (client.socket.writableLength !== before) still = 0;
    before = client.socket.writableLength;
  }
  assert.ok(client.socket.writableLength > 40_000_000, `${client.socket.writableLength} bytes are still unsent`);
  client.destroy();
  upstream.script = answerOk;
  upstream.breakConnections();
});
