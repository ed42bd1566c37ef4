/** Compression and its encoders through reloads, over threads, and when a thread dies. */
import assert from "node:assert/strict";
import type { ConfigInput } from "../../src/index.ts";
import { decode } from "../support/decoding.ts";
import { testOverProtocols } from "../support/harness.ts";
import { modes } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

const text = "what is said again and again\n".repeat(3_000);
const fields = { "content-type": "text/plain" };
const accepted = { "accept-encoding": "gzip" };

const configOf = (
  url: string,
  workers: number,
  middlewares: ConfigInput["routes"][number]["middlewares"],
): ConfigInput => ({
  workers,
  listeners: [{ name: "main", address: "127.0.0.1:0" }],
  routes: [{ name: "all", middlewares, upstream: "app" }],
  upstreams: { app: { endpoints: [url] } },
});

for (const [title, workers] of modes)
  testOverProtocols(`a reload begins to compress and ends it, ${title}`, async (harness) => {
    const endpoint = await harness.endpoint({ fields, body: text });
    const proxy = await harness.proxy({ config: configOf(endpoint.url, workers, []) });
    for (const [middlewares, coding] of [
      [[], null],
      [[{ compress: {} }], "gzip"],
      [[], null],
    ] as const) {
      await proxy.reload({ config: configOf(endpoint.url, workers, [...middlewares]) });
      const answer = await harness.ask({ fields: accepted });
      assert.equal(answer.value("content-encoding"), coding);
      assert.equal(decode(answer.body, coding).toString(), text);
    }
  });

testOverProtocols("encoders are counted over all threads, and those of a dead thread are free", async (harness) => {
  const endpoint = await harness.endpoint(() => {});
  const proxy = await harness.proxy({ config: configOf(endpoint.url, 2, [{ compress: { maxEncoders: 12 } }]) });
  const clients = await harness.speakers(20);
  const asked = clients.map((client) => client.begin({ fields: accepted }));
  await endpoint.asked(20);
  for (const exchange of endpoint.exchanges) {
    exchange.start("unknown", { fields });
    exchange.send(text);
  }
  const heads = await Promise.all(asked.map((one) => one.head()));
  assert.equal(heads.filter((head) => head.value("content-encoding") === "gzip").length, 12);
  await proxy.killThread(0);
  await proxy.killThread(1);
  for (const client of clients) client.destroy();
  await eventually(async () => (await proxy.metrics()).sum("millrace_proxy_threads") === 2, "they are replaced");
  endpoint.behaviour = { fields, body: text };
  for (let count = 0; count < 15; count++)
    assert.equal((await harness.ask({ fields: accepted })).value("content-encoding"), "gzip");
});
