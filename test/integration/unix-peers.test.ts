/**
 * Peers on a Unix socket, who have no address: whom their forwarding fields name, and what limits by client do with the
 * others.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import { modes, type ProxyOptions, type ProxyUnderTest } from "../support/proxy-under-test.ts";

/** A proxy that listens on a Unix socket. */
async function start(
  harness: Harness,
  threads: number,
  rest: object = {},
): Promise<{ proxy: ProxyUnderTest; optionsOf: (trustedProxies: readonly string[]) => ProxyOptions }> {
  const endpoint = await harness.endpoint((exchange) => {
    const { request } = exchange;
    exchange.answer({
      body: JSON.stringify({ xff: request.value("x-forwarded-for"), forwarded: request.value("forwarded") }),
    });
  });
  const optionsIn = (folder: string, trustedProxies: readonly string[]): ProxyOptions => ({
    threads,
    endpoints: [endpoint.url],
    listener: { address: `unix:${join(folder, "l.sock")}`, trustedProxies },
    routes: [{ upstream: "app", ...rest }],
  });
  const proxy = await harness.proxy((folder) => optionsIn(folder, []));
  return { proxy, optionsOf: (trustedProxies) => optionsIn(proxy.folder, trustedProxies) };
}

/** Asks by a connection of its own. */
async function ask(
  harness: Harness,
  proxy: ProxyUnderTest,
  fields: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  const client = await harness.speakerAt({ path: join(proxy.folder, "l.sock") });
  const answer = await client.ask({ fields });
  await client.close();
  return answer;
}

for (const [title, threads] of modes) {
  testOverProtocols(`a trusted peer's word goes on as it came, others' does not, ${title}`, async (harness) => {
    const cases: readonly (readonly [
      trusted: readonly string[],
      sent: Record<string, string>,
      xff: string,
      forwarded?: string,
    ])[] = [
      [["unix"], { "x-forwarded-for": "192.0.2.7" }, "192.0.2.7"],
      [["unix:"], { "x-forwarded-for": "192.0.2.7, 10.0.0.1" }, "192.0.2.7, 10.0.0.1"],
      [["unix"], { forwarded: "for=192.0.2.7" }, "192.0.2.7", "for=192.0.2.7, for=unknown"],
      [["unix"], {}, "unknown"],
      [["10.0.0.0/8", "0.0.0.0/0", "::/0"], { "x-forwarded-for": "192.0.2.7" }, "unknown"],
      [[], { "x-forwarded-for": "192.0.2.7", forwarded: "for=192.0.2.7" }, "unknown"],
    ];
    const { proxy, optionsOf } = await start(harness, threads);
    for (const [trusted, sent, xff, forwarded] of cases) {
      await proxy.reload(optionsOf(trusted));
      const found = JSON.parse((await ask(harness, proxy, sent)).text) as {
        xff: string;
        forwarded: string | null;
      };
      assert.equal(found.xff, xff, JSON.stringify([trusted, sent]));
      if (forwarded !== undefined) assert.ok(found.forwarded?.startsWith(forwarded), String(found.forwarded));
      else assert.equal(found.forwarded, null);
    }
  });

  testOverProtocols(
    `a limit by client counts clients apart if the peer is trusted, else all together, ${title}`,
    async (harness) => {
      const limited = { middlewares: [{ rateLimit: { rate: "1/h", burst: 2, name: "limit" } }] };
      const { proxy, optionsOf } = await start(harness, threads, limited);
      const statuses = async (clients: readonly string[]): Promise<number[]> => {
        const found: number[] = [];
        for (const client of clients) found.push((await ask(harness, proxy, { "x-forwarded-for": client })).status);
        return found;
      };
      assert.deepEqual(await statuses(["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1"]), [200, 200, 429, 429]);
      await proxy.reload(optionsOf(["unix"]));
      assert.deepEqual(
        await statuses(["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"]),
        [200, 200, 429, 200, 200],
      );
    },
  );
}

testOverProtocols("a route for a network takes the clients that a trusted peer names", async (harness) => {
  const { proxy, optionsOf } = await start(harness, 0);
  await proxy.reload({
    ...optionsOf(["unix"]),
    routes: [{ match: { clientIp: ["192.0.2.0/24"] }, respond: { status: 403 } }, { upstream: "app" }],
  });
  assert.deepEqual(
    [
      (await ask(harness, proxy, { "x-forwarded-for": "192.0.2.7" })).status,
      (await ask(harness, proxy, { "x-forwarded-for": "198.51.100.7" })).status,
      (await ask(harness, proxy)).status,
    ],
    [403, 200, 200],
  );
});
