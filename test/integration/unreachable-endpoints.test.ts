/** Endpoints that cannot be reached, and the ways in which they can: by name, by a Unix socket. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { join } from "node:path";
import { breakOff } from "../support/endpoint.ts";
import { freePort } from "../support/free-port.ts";
import { testOverProtocols } from "../support/harness.ts";
import { loopTurns } from "../support/signal.ts";

testOverProtocols("an endpoint that refuses connections is passed over, for every method", async (harness) => {
  const endpoint = await harness.endpoint();
  await harness.proxy({ endpoints: [`http://127.0.0.1:${await freePort()}`, endpoint.url] });
  const client = await harness.speaker();
  for (let at = 0; at < 6; at++) {
    const answer = await client.ask(
      at % 2 === 0 ? { path: `/${at}` } : { method: "POST", path: `/${at}`, body: "hello" },
    );
    assert.equal(answer.status, 200);
  }
  assert.deepEqual(
    endpoint.requests.map(({ target, text }) => `${target} ${text}`),
    ["/0 ", "/1 hello", "/2 ", "/3 hello", "/4 ", "/5 hello"],
  );
});

testOverProtocols("an upstream of which no endpoint accepts connections gives 502 and says why", async (harness) => {
  await harness.proxy({ endpoints: [`http://127.0.0.1:${await freePort()}`] });
  const { status, reason } = await (await harness.speaker()).ask();
  assert.deepEqual([status, reason], [502, "UPSTREAM_CONNECT_FAILED"]);
});

testOverProtocols(
  "a fresh connection that dies is tried at another endpoint for a safe method, and not for POST",
  async (harness) => {
    const endpoints = [await harness.endpoint(breakOff), await harness.endpoint()];
    await harness.proxy({ endpoints: endpoints.map(({ url }) => url) });
    const client = await harness.speaker();
    for (let at = 0; at < 4; at++) assert.equal((await client.ask()).status, 200);
    const statuses = new Set<number>();
    for (let at = 0; at < 4; at++) statuses.add((await client.ask({ method: "POST", body: "x" })).status);
    assert.deepEqual([...statuses].sort(), [200, 502]);
  },
);

testOverProtocols("a Unix socket serves as an endpoint", async (harness) => {
  const server = createServer((request, response) =>
    response.end(`unix ${request.url ?? ""} ${request.headers.host ?? ""}`),
  );
  harness.atEnd(() => {
    server.close();
    server.closeAllConnections();
  });
  const proxy = await harness.proxy((folder) => ({ endpoints: [`unix:${join(folder, "origin.sock")}`] }));
  await new Promise<void>((resolve) => server.listen(join(proxy.folder, "origin.sock"), resolve));
  assert.equal((await (await harness.speaker()).ask({ path: "/x" })).text, "unix /x a");
});

testOverProtocols("an endpoint may be given by name", async (harness) => {
  const endpoint = await harness.endpoint();
  await harness.proxy({ endpoints: [endpoint.url.replace("127.0.0.1", "localhost")] });
  const client = await harness.speaker();
  for (let at = 0; at < 3; at++) assert.equal((await client.ask({ path: `/${at}` })).status, 200);
  assert.equal(endpoint.connectionCount, 1);
});

testOverProtocols(
  "a client that goes away while an endpoint's name is being resolved leaves nothing behind",
  async (harness) => {
    const endpoint = await harness.endpoint();
    const proxy = await harness.proxy({ endpoints: [endpoint.url.replace("127.0.0.1", "localhost")] });
    const clients = await harness.speakers(30);
    for (const client of clients) client.begin();
    for (const [at, client] of clients.entries()) {
      if (at % 3 === 0) await loopTurns(1);
      client.abort();
    }
    await proxy.untilOpen(({ connections, exchanges }) => connections === 0 && exchanges === 0, "all are over");
  },
);

testOverProtocols("a name that does not exist gives 502 and says why", async (harness) => {
  await harness.proxy({ endpoints: ["http://does-not-exist.invalid:80"] });
  const { status, reason } = await (await harness.speaker()).ask();
  assert.deepEqual([status, reason], [502, "UPSTREAM_DNS_FAILED"]);
});
