/** What the log of a serving process says of endpoints that fail: one line at once, then one every few seconds, and one when they answer again. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { test } from "node:test";
import { MillraceProcess } from "../support/millrace-process.ts";

/** A port on which nothing listens. */
async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

for (const workers of ["0", "2"]) {
  test(`a dead endpoint has few lines, with the error and how often, and one when it is back, with ${workers} threads`, async (t) => {
    const port = await freePort();
    const endpoint = `http://127.0.0.1:${port}`;
    const millrace = new MillraceProcess(["proxy", "--workers", workers, "--stats", "0s", "--listen", "127.0.0.1:0", endpoint]);
    t.after(() => millrace.stop());
    const { url } = await millrace.ready();
    for (let count = 0; count < 50; count++) assert.equal((await fetch(url)).status, 502);
    const { level, upstream, endpoint: named, reason, detail, count } = await millrace.logged(/^endpoint fails$/);
    assert.deepEqual([level, named, reason, count], ["warn", endpoint, "UPSTREAM_CONNECT_FAILED", 1]);
    assert.match(String(detail), /ECONNREFUSED/);
    assert.equal(typeof upstream, "string");
    const server = createServer((_, response) => response.end("ok")).listen(port, "127.0.0.1");
    t.after(() => server.close());
    await once(server, "listening");
    for (let at = 0; at < 20; at++) await (await fetch(url)).text();
    const { level: good, failures } = await millrace.logged(/^endpoint answers again$/);
    assert.deepEqual([good, failures], ["info", 50]);
    const counts = millrace.log.filter((line) => line.message === "endpoint fails").map((line) => Number(line["count"]));
    assert.equal(counts.reduce((sum, one) => sum + one, 0), 50);
    assert.ok(counts.length < 10, `${counts.length} lines for 50 failures`);
  });
}
