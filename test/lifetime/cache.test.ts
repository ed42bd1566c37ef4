/** What becomes of stored answers when the configuration changes, and when a thread dies. */
import assert from "node:assert/strict";
import { testOverProtocols, testWithHarness } from "../support/harness.ts";
import { modes, type ProxyOptions } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";
import type { Behaviour } from "../support/endpoint.ts";

/** Answers with its count. */
function counting(): Behaviour {
  let count = 0;
  return (exchange) => exchange.answer({ fields: { "cache-control": "max-age=1000" }, body: `answer ${++count}` });
}

const optionsOf = (url: string, cache: object, route: object = {}): ProxyOptions => ({
  endpoints: [url],
  routes: [{ name: "cached", middlewares: [{ cache }], upstream: "app", ...route }],
});

for (const [title, threads] of modes)
  testOverProtocols(`${title}: stored answers live on through reloads`, async (harness) => {
    const endpoint = await harness.endpoint(counting());
    const proxy = await harness.proxy({ threads, ...optionsOf(endpoint.url, { maxBytes: "2MiB" }) });
    const text = async (): Promise<string> => (await harness.ask()).text;
    assert.equal(await text(), "answer 1");
    await proxy.reload(optionsOf(endpoint.url, { maxBytes: "2MiB", hitForMiss: "1s" }, { timeouts: { total: "9s" } }));
    assert.equal(await text(), "answer 1");
    // Without a cache it is as if there were none; afterwards there is an empty one.
    await proxy.reload({ endpoints: [endpoint.url], routes: [{ name: "cached", upstream: "app" }] });
    assert.equal(await text(), "answer 2");
    assert.equal(await text(), "answer 3");
    await proxy.reload(optionsOf(endpoint.url, { maxBytes: "2MiB" }));
    const first = await text();
    assert.equal(await text(), first);
  });

testWithHarness("stored answers survive the death of the thread that has stored them", async (harness) => {
  const endpoint = await harness.endpoint(counting());
  const proxy = await harness.proxy({ threads: 2, ...optionsOf(endpoint.url, {}) });
  for (const path of ["/a", "/b", "/c", "/d"]) await harness.ask({ path });
  const stored = endpoint.requests.length;
  for (const thread of [0, 1]) {
    await proxy.killThread(thread);
    await eventually(
      async () =>
        (await proxy.metrics()).sum("millrace_proxy_thread_restarts_total") === thread + 1 &&
        (await proxy.metrics()).sum("millrace_proxy_threads") === 2,
      "the thread is replaced",
    );
  }
  for (const path of ["/a", "/b", "/c", "/d"])
    assert.match((await harness.ask({ path })).value("cache-status") ?? "", /hit/, path);
  assert.equal(endpoint.requests.length, stored);
});
