import { eventually } from "../../../../test/support/signal.ts";
import { FakeConsul } from "../../../remote/consul/testing/fake-consul.ts";
import { testDiscovery } from "../testing/conformance.ts";
import { consulKind } from "./kind.ts";
import { consulDiscoverySchema } from "./options.ts";

// Silence is noticed after 26 s, which is tested with a clock that is wound (`http-consul.test.ts`).
testDiscovery("consul", async () => {
  const consul = await FakeConsul.start();
  const { port } = consul;
  const instances = new Map<number, { port: number; weight: number }>();
  const register = (at: number, weight: number): void => {
    instances.set(at, { port: at, weight });
    consul.register({ service: "api", id: `api-${at}`, port: at, weights: { Passing: weight, Warning: 1 } });
  };
  const options = { url: consul.url, service: "api", token: "nonsense-secret" };
  return {
    create: (context) => consulKind.create(consulDiscoverySchema.parse(options), context),
    put: async (at, weight) => register(at, weight),
    remove: async (at) => {
      instances.delete(at);
      consul.deregister(`api-${at}`);
    },
    putNonsense: async () => consul.register({ service: "api", id: "bad", address: "a:nonsense-secret@b", port: 1 }),
    goAway: () => consul.stop(),
    comeBack: async () => {
      consul.trouble = null;
      if (!consul.isListening) await consul.listen(port);
    },
    talkNonsense: async () => {
      consul.trouble = { kind: "nonsense", body: "<html>nonsense-secret</html>", headers: { "X-Consul-Index": "9" } };
      consul.wake();
    },
    goBackwards: async () => {
      // A question that comes later with an index of before would wait for all its 15 s.
      await eventually(() => consul.waitingCount > 0, "a question waits");
      consul.restoreSnapshot(() => {
        for (const { port: at, weight } of [...instances.values()]) register(at, weight);
      });
    },
    fillUp: async (count) => {
      for (let at = 0; at < count; at++) register(10_000 + at, 1);
    },
    openCount: () => consul.connectionCount,
    close: () => consul.close(),
  };
});
