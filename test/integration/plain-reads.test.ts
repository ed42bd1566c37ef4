/**
 * A Node.js that cannot read accepted connections into memory of ours: the same answers, by the sockets that it gives.
 */
import assert from "node:assert/strict";
import { Server } from "node:net";
import { testWithHarness } from "../support/harness.ts";

testWithHarness(
  "requests in pieces, pipelined and with bodies are served without shared read memory",
  async (harness, t) => {
    // What is called with each accepted connection stays what Node made it.
    const emit = Server.prototype.emit;
    let plainCount = 0;
    t.mock.method(
      Server.prototype,
      "emit",
      function (this: Server, ...[name, ...rest]: Parameters<Server["emit"]>): boolean {
        if (name === "connection") plainCount++;
        if (name === "listening") {
          const handle = (this as unknown as { _handle: { onconnection: unknown } })._handle;
          const onConnection = handle.onconnection;
          Object.defineProperty(handle, "onconnection", { get: () => onConnection, set: () => {} });
        }
        return emit.call(this, name, ...rest);
      },
    );
    const { client } = await harness.rawTrio(
      {},
      {
        onRequest: (connection, { target, body }) =>
          connection.send(
            `HTTP/1.1 200 OK\r\nContent-Length: ${target.length + body.length}\r\n\r\n${target}${body.toString("latin1")}`,
          ),
      },
    );
    const body = "b".repeat(300_000);
    client.send("GET /one HTTP/1.1\r\nHo");
    client.send(
      `st: a\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\n\r\nPOST /three HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    for (const expected of ["/one", "/two", `/three${body}`]) {
      const response = await client.response();
      assert.equal(response.status, 200);
      assert.equal(response.body.toString("latin1"), expected);
    }
    client.end();
    await client.untilOver();
    assert.ok(plainCount >= 2, "the proxy's connection came as Node gives it, too");
  },
);
