import { testDiscovery, type DiscoveryDriver } from "../testing/conformance.ts";
import { dockerKind } from "./kind.ts";
import { dockerDiscoverySchema } from "./options.ts";
import { FakeDocker } from "./testing/fake-docker.ts";

testDiscovery("docker", async (): Promise<DiscoveryDriver> => {
  const docker = await FakeDocker.start();
  const running = new Map<number, string>();
  let count = 0;
  const run = (port: number, more: Readonly<Record<string, string>>): string => {
    const name = `c${++count}`;
    docker.run({ name, labels: { "millrace.upstream": "api", "millrace.port": String(port), ...more } });
    return name;
  };
  const end = (port: number): void => {
    const name = running.get(port);
    running.delete(port);
    if (name === undefined) return;
    docker.stop(name);
    docker.remove(name);
  };
  return {
    create: (context) => dockerKind.create(dockerDiscoverySchema.parse({ host: docker.socketPath }), context),
    put: async (port, weight) => {
      // Labels do not change: a container takes the place of another.
      end(port);
      running.set(port, run(port, { "millrace.weight": String(weight) }));
    },
    remove: async (port) => end(port),
    putNonsense: async () => void run(7999, { "millrace.weight": "nonsense-secret" }),
    goAway: () => docker.goAway(),
    comeBack: () => docker.comeBack(),
    talkNonsense: async () => {
      docker.trouble = "nonsense";
      docker.drop();
    },
    fillUp: async (records) => {
      for (let at = 0; at < records; at++) run(10_000 + at, {});
    },
    openCount: () => docker.openConnections,
    close: () => docker.close(),
  };
});
