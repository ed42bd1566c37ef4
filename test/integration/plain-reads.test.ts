/** A Node.js that cannot read accepted connections into memory of ours: the same answers, by the sockets that it gives. */
import assert from "node:assert/strict";
import { Server } from "node:net";
import { test } from "node:test";
import { ProxyUnderTest } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { ScriptedUpstream } from "../support/scripted-upstream.ts";

const original = Server.prototype.emit;

test("requests in pieces, pipelined and with bodies are served without shared read memory", async (t) => {
  let hiddenCount = 0;
  t.mock.method(Server.prototype, "emit", function emit(this: Server, ...[name, ...rest]: Parameters<Server["emit"]>): boolean {
    const handle = (rest[0] as { _handle?: object } | undefined)?._handle;
    if (name === "connection" && handle !== undefined) {
      Object.defineProperty(handle, "useUserBuffer", { value: undefined });
      hiddenCount++;
    }
    return original.call(this, name, ...rest);
  });
  const upstream = await ScriptedUpstream.start({
    onRequest: (connection, { target, body }) => connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length + body.length}\r\n\r\n${target}${body.toString("latin1")}`),
  });
  const proxy = await ProxyUnderTest.start({ endpoints: [upstream.url] });
  const client = await RawClient.connect(proxy.port);
  try {
    const body = "b".repeat(300_000);
    client.send("GET /one HTTP/1.1\r\nHo");
    client.send(`st: a\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\n\r\nPOST /three HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    for (const expected of ["/one", "/two", `/three${body}`]) {
      const response = await client.response();
      assert.equal(response.status, 200);
      assert.equal(response.body.toString("latin1"), expected);
    }
    client.end();
    await client.untilOver();
    assert.ok(hiddenCount > 0);
  } finally {
    client.destroy();
    await upstream.close();
    await proxy.close();
  }
});
