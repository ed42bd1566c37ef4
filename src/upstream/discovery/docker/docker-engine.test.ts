/** What happens between us and an engine: subscription and lists, connections that break, versions, sharing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { discoveryContext, Told } from "../testing/told.ts";
import { DockerDiscovery } from "./docker-discovery.ts";
import { dockerDiscoverySchema } from "./options.ts";
import { at, labels, last, listMs, passTime, ports, setUp } from "./testing/docker-scene.ts";

test("what no event has told is found by the next list, and what is not in a list is asked about", async (context) => {
  const { docker, scheduler, follow } = await setUp(context);
  docker.run({ name: "a", ports, labels, networks: at("10.0.0.1") });
  docker.run({ name: "b", ports, labels, networks: at("10.0.0.2") });
  const told = await follow();
  docker.trouble = "no events";
  docker.vanish("a");
  docker.run({ name: "c", ports, labels, networks: at("10.0.0.3") });
  let word = told.next(/^1/);
  scheduler.advance(listMs);
  assert.equal(await word, "10.0.0.2,10.0.0.3");
  docker.trouble = "empty lists";
  word = told.next(/^/);
  scheduler.advance(listMs);
  assert.equal(await word, ".", "an empty list is no proof that anything has ended");
});

test("what happens between subscription and list is not lost", async (context) => {
  const { docker, follow } = await setUp(context);
  docker.run({ name: "a", ports, labels, networks: at("10.0.0.1") });
  docker.onList = () => {
    docker.onList = () => undefined;
    docker.stop("a");
    docker.run({ name: "b", ports, labels, networks: at("10.0.0.2") });
  };
  const told = await follow();
  if (last(told)?.toString() !== "10.0.0.2:8080*1") await told.next(/10\.0\.0\.2$/);
  assert.deepEqual(last(told), ["10.0.0.2:8080*1"]);
});

test("a stream that has been quiet is opened again without a word, and one that breaks is a failure", async (context) => {
  const { docker, scheduler, follow } = await setUp(context);
  docker.run({ name: "a", ports, labels });
  const told = await follow();
  const countStreams = (): number => docker.paths.filter((path) => path.endsWith("/events")).length;
  assert.equal(countStreams(), 1);
  docker.trouble = "no events";
  await passTime(scheduler, () => countStreams() === 2);
  assert.deepEqual(
    told.words.filter((word) => word.startsWith("!")),
    [],
  );
  const word = told.next(/^!/);
  docker.drop();
  await word;
});

test("an engine that answers nothing is given up, and nothing is asked without a pause", async (context) => {
  const { docker, scheduler, follow } = await setUp(context);
  docker.trouble = "silent";
  const following = follow();
  while (docker.paths.length === 0) await new Promise(setImmediate);
  scheduler.advance(10_000);
  const told = await following;
  assert.match(told.words[0] ?? "", /^! .*docker\.sock: no answer in 10000 ms/);
  assert.equal(docker.paths.length, 1);
  docker.trouble = "errors";
  let word = told.next(/^/);
  scheduler.advance(2_000);
  assert.match(await word, /^! .*it answers 500 to \/_ping/);
  assert.doesNotMatch(told.words.join(), /secret/);
  docker.trouble = null;
  docker.run({ name: "a", ports, labels });
  word = told.next(/^/);
  scheduler.advance(2_000);
  assert.equal(await word, "?127.0.0.1");
});

test("the version of the API is agreed on", async (context) => {
  const { docker, scheduler, follow } = await setUp(context);
  for (const [version, path] of [
    ["1.24", "/v1.24/containers/json"],
    ["1.999", "/v1.51/containers/json"],
    ["", "/containers/json"],
  ] as const) {
    docker.apiVersion = version;
    docker.paths.length = 0;
    await follow({
      labels: [`for=${version}`],
      host: `unix://${docker.socketPath}`,
      tls: version === "" ? {} : undefined,
    });
    const asked = docker.paths.filter((one) => one.endsWith("/containers/json"));
    if (version !== "1.999") assert.deepEqual(asked, [path]);
    docker.drop();
    docker.paths.length = 0;
    docker.apiVersion = version;
    while (docker.paths.filter((one) => one.endsWith("/containers/json")).length === 0) {
      scheduler.advance(1_000);
      await new Promise(setImmediate);
    }
    assert.equal(
      docker.paths.find((one) => one.endsWith("/containers/json")),
      path,
    );
  }
  docker.apiVersion = "1.12";
  const told = await follow({ tls: { serverName: "other.test" } });
  assert.match(told.words.join(), /its API 1\.12 is older than 1\.24/);
});

test("upstreams share one connection to an engine, and the last one closes it", async (context) => {
  const { docker, scheduler } = await setUp(context);
  docker.run({ name: "a", ports, labels });
  const options = dockerDiscoverySchema.parse({ host: docker.socketPath });
  const all = ["api", "other", "api"].map((upstream) => {
    const discovery = new DockerDiscovery(options, discoveryContext({ scheduler, upstream }));
    const told = new Told();
    discovery.start(told);
    return { discovery, told };
  });
  await Promise.all(all.map(({ told }) => told.next(/^/)));
  assert.deepEqual(
    all.map(({ told }) => last(told)),
    [["127.0.0.1:8080*1"], [], ["127.0.0.1:8080*1"]],
  );
  assert.equal(docker.subscribers, 1);
  const late = new DockerDiscovery(options, discoveryContext({ scheduler }));
  const told = new Told();
  late.start(told);
  assert.deepEqual(told.words, [], "nothing is told within start");
  await told.next(/127/);
  assert.equal(docker.subscribers, 1);
  for (const { discovery } of all) discovery.close();
  late.close();
  while (docker.openConnections > 0) await new Promise(setImmediate);
  assert.equal(scheduler.pendingCount, 0);
});

test("proxies of one program share no connection: what resolves names for one ends with it", async (context) => {
  const { docker, scheduler } = await setUp(context);
  const options = dockerDiscoverySchema.parse({ host: docker.socketPath });
  const all = ["one", "other"].map((why) => {
    const lookup = (): void => assert.fail(`a socket needs no look-up, of ${why}`);
    const discovery = new DockerDiscovery(options, discoveryContext({ scheduler, lookup }));
    const told = new Told();
    discovery.start(told);
    return { discovery, told };
  });
  await Promise.all(all.map(({ told }) => told.next(/^/)));
  assert.equal(docker.subscribers, 2);
  for (const { discovery } of all) discovery.close();
});

test("whatever goes wrong is a failure, and what was not told is told again", async (context) => {
  const { docker, scheduler, follow } = await setUp(context);
  const told = await follow();
  const { mock } = context.mock.method(told, "onSnapshot", () => {
    throw new Error("out of order");
  });
  docker.run({ name: "a", ports, labels });
  assert.match(await told.next(/^!/), /out of order/);
  mock.restore();
  await passTime(scheduler, () => told.words.at(-1)?.includes("127.0.0.1") === true);
});

test("events that are not as documented are nothing", async (context) => {
  const { docker, follow } = await setUp(context);
  docker.run({ name: "a", ports, labels });
  const told = await follow();
  for (const event of [
    null,
    [],
    {},
    { Type: "container" },
    { Type: "container", Action: "die", Actor: null },
    { Type: "container", Action: "die", Actor: { ID: "../secret" } },
    { Type: "network", Action: "disconnect", Actor: { ID: "n", Attributes: { container: 5 } } },
    { Type: "plugin", Action: 5 },
  ])
    docker.sendRaw(JSON.stringify(event === null ? {} : event));
  const word = told.next(/^/);
  docker.run({ name: "b", ports, labels, networks: at("10.0.0.2") });
  assert.equal(await word, "127.0.0.1,10.0.0.2");
});
