/** Discovery by DNS against a real name server. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { systemScheduler } from "../../src/base/scheduler.ts";
import { silentLogger } from "../../src/observe/logger.ts";
import { DnsDiscovery } from "../../src/upstream/discovery/dns/dns-discovery.ts";
import { dnsDiscoverySchema } from "../../src/upstream/discovery/dns/options.ts";
import { DnsmasqServer, dnsmasqCommand } from "../support/dnsmasq-server.ts";
import { Signal } from "../support/signal.ts";

const options = { skip: dnsmasqCommand === null ? "dnsmasq is not installed" : false };
/** It is the server of this domain: other names of it do not exist. */
const domain = "local=/test/";

async function follow(context: TestContext, lines: readonly string[], wanted: Record<string, unknown> = {}) {
  const server = await DnsmasqServer.start([domain, ...lines]);
  const discovery = new DnsDiscovery(
    dnsDiscoverySchema.parse({
      name: "api.test",
      servers: [server.address],
      minRefresh: "100ms",
      maxRefresh: "200ms",
      ...wanted,
    }),
    {
      upstream: "api",
      scheduler: systemScheduler,
      // The shortest pauses.
      random: () => 0,
      lookup: () => assert.fail("addresses need no look-up"),
      logger: silentLogger,
    },
  );
  context.after(async () => {
    discovery.close();
    await server.close();
  });
  const change = new Signal();
  let said = "";
  const say = (text: string): void => {
    said = text;
    change.notify();
  };
  discovery.start({
    onSnapshot: ({ endpoints, version }) =>
      say(
        version ??
          endpoints
            .map(({ url, weight, backup }) => `${url.slice(7)}*${weight}${backup ? " backup" : ""}`)
            .toSorted()
            .join(", "),
      ),
    onAlive: () => {},
    onFailure: (reason) => say(`failure: ${reason}`),
  });
  /** Waits until it says `text`, or what begins so. */
  const says = (text: string | RegExp): Promise<void> =>
    change.until(
      () => (typeof text === "string" ? said === text : text.test(said)),
      () => `${text}; it says ${said}`,
    );
  return { server, says };
}

test("addresses of a real name server come, go and change, also when it was away", options, async (context) => {
  const one = "host-record=api.test,10.0.0.1,2001:db8::1,1";
  const { server, says } = await follow(context, [one], { port: 8080 });
  await says("10.0.0.1:8080*1, [2001:db8::1]:8080*1");
  await server.restart([domain, one, "host-record=api.test,10.0.0.2,1"]);
  await says("10.0.0.1:8080*1, 10.0.0.2:8080*1, [2001:db8::1]:8080*1");
  await server.restart([domain, "host-record=api.test,10.0.0.2,1"]);
  await says("10.0.0.2:8080*1");
  await server.kill();
  await says(/^failure: name server .* cannot be reached: ECONNREFUSED$/);
  await server.restart([domain, "host-record=other.test,10.0.0.9"]);
  await says("NXDOMAIN");
  await server.restart([domain, "txt-record=api.test,here"]);
  await says("NODATA");
  await server.restart([domain, "cname=api.test,www.test,1", "host-record=www.test,10.0.0.3,1"]);
  await says("10.0.0.3:8080*1");
  await server.restart([]);
  await says(/^failure: name server .* answered REFUSED$/);
  server.freeze();
  await says(/^failure: name server .* does not answer$/);
  server.thaw();
  await server.restart([domain, "host-record=api.test,10.0.0.4,1"]);
  await says("10.0.0.4:8080*1");
});

test(
  "a service of a real name server: priority, weight, targets, and more hosts than fit a datagram",
  options,
  async (context) => {
    const hosts = [1, 2, 3].map((number) => `host-record=n${number}.test,10.0.0.${number},1`);
    const srv = (host: number, priority: number, weight: number): string =>
      `srv-host=_http._tcp.api.test,n${host}.test,${8080 + host},${priority},${weight}`;
    const { server, says } = await follow(context, [...hosts, srv(1, 1, 5), srv(2, 1, 0), srv(3, 2, 0)], {
      name: "_http._tcp.api.test",
      type: "SRV",
    });
    await says("10.0.0.1:8081*500, 10.0.0.2:8082*1, 10.0.0.3:8083*1 backup");
    const many = Array.from({ length: 150 }, (_, at) => at + 1);
    await server.restart([
      domain,
      ...many.map((number) => `host-record=n${number}.test,10.0.0.${number},1`),
      ...many.map((number) => srv(number, 1, 1)),
    ]);
    await says(
      many
        .map((number) => `10.0.0.${number}:${8080 + number}*1`)
        .toSorted()
        .join(", "),
    );
  },
);
