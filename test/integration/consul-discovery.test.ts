/** A proxy whose endpoints are instances in the double of Consul: none of their comings and goings costs a request. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { createProxy, type Logger } from "../../src/index.ts";
import { FakeConsul } from "../../src/remote/consul/testing/fake-consul.ts";
import { eventually } from "../support/signal.ts";

async function serve(t: TestContext, body: string): Promise<number> {
  const server: Server = createServer((_request, answer) => answer.end(body));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

test("instances of Consul serve as long as they are there and well; a lost leader or lost rights change nothing", async (t) => {
  const consul = await FakeConsul.start();
  t.after(() => consul.close());
  const [one, two] = [await serve(t, "one"), await serve(t, "two")];
  consul.register({ service: "api", id: "one", port: one });
  const lines: string[] = [];
  const note = (message: string, fields: object = {}): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug: note, info: note, warn: note, error: note };
  const proxy = await createProxy(
    {
      listeners: [{ address: "127.0.0.1:0" }],
      upstreams: {
        api: { discovery: { consul: { url: consul.url, service: "api", token: "very-secret" }, lastGood: false } },
      },
      routes: [{ upstream: "api" }],
    },
    { logger },
  );
  t.after(() => proxy.close({ graceMs: 0 }));
  await proxy.listen();
  const { port } = Object.values(proxy.addresses())[0]!;
  let failed = 0;
  /** Who answers several requests in a row. */
  const answerers = async (): Promise<string> => {
    const bodies = new Set<string>();
    for (let round = 0; round < 6; round++) {
      const answer = await fetch(`http://127.0.0.1:${port}/`);
      if (answer.status !== 200) failed++;
      bodies.add(await answer.text());
    }
    return [...bodies].toSorted().join();
  };
  const until = (wanted: string): Promise<void> =>
    eventually(async () => (await answerers()) === wanted, `${wanted} is who answers`);
  await until("one");
  consul.register({ service: "api", id: "two", port: two });
  await until("one,two");
  consul.setStatus("one", "critical");
  await until("two");
  consul.setStatus("one", "passing");
  await until("one,two");
  for (const play of [
    () => (consul.hasLeader = false),
    () => (consul.rights = { "very-secret": { services: [], keyPrefix: "" } }),
  ]) {
    const asked = consul.questions.length;
    play();
    consul.setStatus("one", "passing", `again after ${asked}`);
    await eventually(() => consul.questions.length >= asked + 2, "it was asked again");
    assert.equal(await answerers(), "one,two");
    consul.hasLeader = true;
    consul.rights = null;
    await eventually(() => consul.waitingCount === 1, "it is followed again");
  }
  assert.equal(failed, 0);
  assert.doesNotMatch(lines.join("\n"), /very-secret/);
});
