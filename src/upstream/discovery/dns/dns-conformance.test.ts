/** What every kind of discovery must do, with SRV records. */
import { type Entry, NameServer } from "../../../../test/support/name-server.ts";
import { type DiscoveryDriver, testDiscovery } from "../testing/conformance.ts";
import { dnsKind } from "./kind.ts";
import { dnsDiscoverySchema } from "./options.ts";

const service = "_http._tcp.api.test";

async function startDriver(): Promise<DiscoveryDriver> {
  let server = await NameServer.start();
  const { port } = server;
  /** The records of the service by port. */
  const records = new Map<string, string>();
  let fault: Partial<Entry> = {};
  const publish = (): void => {
    const { zone } = server;
    zone.clear();
    // One who has nothing has no such name.
    if (records.size > 0) zone.set(service, { srv: [...records.values()], ttl: 0, ...fault });
    zone.set("host.test", { a: ["127.0.0.1"], ttl: 0 });
  };
  return {
    create: (context) =>
      dnsKind.create(
        dnsDiscoverySchema.parse({
          name: service,
          type: "SRV",
          servers: [`127.0.0.1:${port}`],
          minRefresh: "100ms",
          maxRefresh: "500ms",
        }),
        context,
      ),
    // 0 among others is a weight, too, and becomes 1.
    weights: [1, 5],
    async put(at, weight) {
      records.set(String(at), `0 ${weight} ${at} host.test`);
      publish();
    },
    async remove(at) {
      records.delete(String(at));
      publish();
    },
    async putNonsense() {
      records.set("nonsense", "0 1 80 gone.test");
      publish();
    },
    async goAway() {
      server.close();
    },
    async comeBack() {
      server.close();
      server = await NameServer.start({}, port);
      fault = {};
      publish();
    },
    async talkNonsense() {
      fault = { mangle: (answer) => [answer.subarray(0, -1)] };
      publish();
    },
    // Silence takes four seconds to be noticed; it is tried in `dns-discovery.test.ts`, where time stands still.
    async close() {
      server.close();
    },
  };
}

testDiscovery("dns", startDriver);
