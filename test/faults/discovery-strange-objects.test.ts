/**
 * Instances of Consul, endpoints of Kubernetes and containers of Docker that cannot be endpoints stand beside good ones:
 * the good ones are used, the others are said in a few sentences without what might be a secret.
 */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { FakeConsul } from "../../src/remote/consul/testing/fake-consul.ts";
import { FakeDocker } from "../../src/upstream/discovery/docker/testing/fake-docker.ts";
import { FakeKubernetes } from "../../src/upstream/discovery/kubernetes/testing/fake-kubernetes.ts";
import { endpoint } from "../../src/upstream/discovery/kubernetes/testing/slices.ts";
import { follow } from "./followed-source.ts";

const secret = "s3cret-in-an-object";
const withSecret = `user:${secret}@10.0.0.66`;

/** A service, and its section of `discovery`. */
interface Service {
  readonly section: Record<string, unknown>;
  addGood(number: number): void;
  addStrange(): void;
}

const services: Readonly<Record<string, (context: TestContext) => Promise<Service>>> = {
  consul: async (context) => {
    const consul = await FakeConsul.start();
    context.after(() => consul.close());
    const add = (id: string, address: unknown, port: unknown): void =>
      consul.register({ service: "api", id, address: address as string, port: port as number });
    return {
      section: { consul: { url: `http://127.0.0.1:${consul.port}`, service: "api" } },
      addGood: (number) => add(`good-${number}`, `10.0.0.${number}`, 80),
      addStrange() {
        const addresses = [7, {}, [], "not a host", "10.0.0.66/path", withSecret, "x".repeat(100_000), "\0"];
        for (const [at, address] of addresses.entries()) add(`address-${at}`, address, 80);
        const ports = [-1, 0, 70_000, 1.5, "80", null, {}];
        for (const [at, port] of ports.entries()) add(`port-${at}`, "10.0.0.66", port);
      },
    };
  },
  kubernetes: async (context) => {
    const server = await FakeKubernetes.start();
    context.after(() => server.stop());
    const all: unknown[] = [];
    const put = (): void => server.put({ name: "app-1", service: "app", endpoints: all });
    return {
      section: {
        kubernetes: { apiServer: `http://127.0.0.1:${server.port}`, namespace: "default", service: "app" },
      },
      addGood(number) {
        all.push(endpoint({ address: `10.0.0.${number}` }));
        put();
      },
      addStrange() {
        all.push(null, 7, "10.0.0.66", [], {}, { addresses: null }, { addresses: "10.0.0.66" }, { addresses: [] });
        for (const address of [7, null, "not an address", withSecret, "x".repeat(100_000), "10.0.0.66/path", "::x"])
          all.push({ addresses: [address], conditions: { ready: true } });
        put();
      },
    };
  },
  docker: async (context) => {
    const docker = await FakeDocker.start();
    context.after(() => docker.close());
    let count = 0;
    const run = (address: string, labels: Record<string, string> = {}): void => {
      docker.run({
        name: `api-${++count}`,
        labels: { "millrace.upstream": "api", ...labels },
        networks: { bridge: address },
        ports: ["80/tcp"],
      });
    };
    return {
      section: { docker: { host: docker.socketPath } },
      addGood: (number) => run(`10.0.0.${number}`),
      addStrange() {
        for (const address of ["not an address", withSecret, "10.0.0.66/path", "x".repeat(10_000)]) run(address);
        for (const port of ["x", "-1", "0", "99999", "80.5", secret]) run("10.0.0.66", { "millrace.port": port });
        for (const scheme of ["javascript", "x"]) run("10.0.0.66", { "millrace.scheme": scheme });
      },
    };
  },
};

for (const [kind, start] of Object.entries(services)) {
  test(`${kind}: what can be no endpoint stands beside good ones`, async (context) => {
    const service = await start(context);
    service.addGood(1);
    service.addGood(2);
    const { becomes, until, lists, said, latest } = await follow(context, service.section);
    await becomes("1,2");
    lists.length = 0;
    service.addStrange();
    await until(() => latest()!.refused.length > 0, "something is refused");
    service.addGood(3);
    await becomes("1,2,3");
    assert.deepEqual(
      lists.filter((list) => list !== "1,2" && list !== "1,2,3"),
      [],
    );
    const { refused } = latest()!;
    assert.ok(refused.length > 0 && refused.length <= 25, `${refused.length} sentences`);
    for (const sentence of refused) assert.ok(sentence.length <= 1_000, sentence.slice(0, 100));
    assert.ok(!said.some((text) => text.includes(secret)), "no secret was said");
  });
}
