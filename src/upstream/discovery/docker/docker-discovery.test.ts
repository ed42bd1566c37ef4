import assert from "node:assert/strict";
import { test } from "node:test";
import { dockerKind } from "./kind.ts";
import { dockerDiscoverySchema } from "./options.ts";
import { at, labels, last, passTime, ports, setUp } from "./testing/docker-scene.ts";

test("containers are found by their labels; each is one endpoint, with what its labels say", async (context) => {
  const { docker, follow } = await setUp(context);
  const id = docker.run({
    name: "a",
    ports: ["80/tcp", "90/tcp", "90/udp"],
    networks: at("10.0.0.1"),
    labels: {
      "millrace.upstream": "web, api",
      "millrace.port": "90",
      "millrace.scheme": "https",
      "millrace.weight": "7",
      "millrace.zone": "z",
      "millrace.backup": "true",
    },
  });
  docker.run({ name: "b", networks: { bridge: "fd00::2" }, ports, labels });
  docker.run({ name: "off", ports, labels: { ...labels, "millrace.enable": "False" } });
  docker.run({ name: "other", ports, labels: { "millrace.upstream": "apis" } });
  docker.run({ name: "none", ports });
  const told = await follow();
  const [snapshot] = told.snapshots;
  assert.deepEqual(
    snapshot?.endpoints.map(({ url, weight, zone, backup, identity }) => [url, weight, zone, backup, identity === id]),
    [
      ["https://10.0.0.1:90", 7, "z", true, true],
      ["http://[fd00::2]:8080", 1, null, false, false],
    ],
  );
  assert.deepEqual(snapshot?.refused, []);
  const others = await follow({ labels: ["millrace.upstream=apis"], scheme: "tcp", port: 5 }, "x");
  assert.deepEqual(
    others.snapshots[0]?.endpoints.map(({ url }) => url),
    ["tcp://127.0.0.1:5"],
  );
  assert.deepEqual(last(await follow({ labels: ["nothing"] }, "y")), []);
});

test("what is meant and cannot be an endpoint is said, with its name and without its labels", async (context) => {
  const { docker, follow } = await setUp(context);
  const secret = { "millrace.upstream": "api", token: "secret" };
  docker.run({ name: "no-port", labels: secret });
  docker.run({ name: "two-ports", labels: secret, ports: ["1/tcp", "2/tcp"] });
  docker.run({ name: "bad-port", labels: { ...secret, "millrace.port": "secret" } });
  docker.run({ name: "bad-weight", ports, labels: { ...secret, "millrace.weight": "-1" } });
  docker.run({ name: "bad-scheme", ports, labels: { ...secret, "millrace.scheme": "ftp" } });
  docker.run({ name: "nowhere", ports, labels: secret, networks: {}, networkMode: "none" });
  docker.run({ name: "elsewhere", ports, labels: { ...secret, "millrace.network": "backend" } });
  const { refused = [], isCertain } = (await follow()).snapshots[0] ?? {};
  assert.equal(isCertain, false);
  assert.deepEqual(refused.map((sentence) => /^container ([\w-]+)/.exec(sentence)?.[1]).toSorted(), [
    "bad-port",
    "bad-scheme",
    "bad-weight",
    "elsewhere",
    "no-port",
    "nowhere",
    "two-ports",
  ]);
  assert.doesNotMatch(refused.join(), /secret/);
});

test("of several networks the named one is taken, else always the same, never one without an address", async (context) => {
  const { docker, follow } = await setUp(context);
  const networks = { zoo: "10.3.0.1", backend: "10.2.0.1", alpha: "" };
  docker.run({ name: "a", ports, labels, networks });
  docker.run({ name: "b", ports, labels: { ...labels, "millrace.network": "zoo" }, networks });
  const host = { ports, labels, networks: { host: "" }, networkMode: "host" };
  docker.run({ name: "c", ...host });
  assert.deepEqual(last(await follow()), ["10.2.0.1:8080*1", "10.3.0.1:8080*1", "127.0.0.1:8080*1"]);
  const named = await follow({ network: "zoo" });
  assert.deepEqual(last(named), ["10.3.0.1:8080*1", "10.3.0.1:8080*1"]);
  assert.match(named.snapshots[0]?.refused.join() ?? "", /container c is not in the network zoo/);
});

test("a Millrace in a container asks others by the networks that it shares with them", async (context) => {
  const { docker, follow } = await setUp(context);
  const own = docker.run({ name: "millrace", networks: { back: "10.2.0.9", mid: "10.3.0.9" } });
  docker.run({ name: "a", ports, labels, networks: { alpha: "10.1.0.1", back: "10.2.0.1" } });
  docker.run({ name: "b", ports, labels, networks: { alpha: "10.1.0.2" } });
  docker.run({ name: "c", ports, labels, networks: { host: "" }, networkMode: "host" });
  docker.run({ name: "d", ports, labels: { ...labels, "millrace.network": "alpha" }, networks: { alpha: "10.1.0.4" } });
  const told = await follow({}, "api", own.slice(0, 12));
  assert.deepEqual(last(told), ["10.1.0.4:8080*1", "10.2.0.1:8080*1"], "whoever names a network knows it");
  assert.deepEqual(told.snapshots[0]?.refused.toSorted(), [
    "container b is in none of our networks",
    "container c is in the network of the machine, and we are not",
  ]);
  for (const hostName of ["a-machine", "abcdefabcdef", "000"])
    assert.deepEqual(last(await follow({}, "api", hostName)), [
      "10.1.0.1:8080*1",
      "10.1.0.2:8080*1",
      "10.1.0.4:8080*1",
      "127.0.0.1:8080*1",
    ]);
});

test("a container that comes into a network, leaves one, or gets its address late is asked about again", async (context) => {
  const { docker, scheduler, follow } = await setUp(context);
  docker.run({ name: "a", ports, labels, networks: at("10.0.0.1") });
  const told = await follow();
  let word = told.next(/^/);
  docker.connect("a", "back", "10.9.0.1");
  assert.equal(await word, "10.9.0.1");
  word = told.next(/^10/);
  docker.disconnect("a", "back");
  assert.equal(await word, "10.0.0.1");
  word = told.next(/^/);
  docker.run({ name: "b", ports, labels, networks: at("") });
  await word;
  assert.match(told.snapshots.at(-1)?.refused.join() ?? "", /container b has no address/);
  docker.setAddress("b", "bridge", "10.0.0.2");
  word = told.next(/,/);
  scheduler.advance(1_000);
  assert.equal(await word, "10.0.0.1,10.0.0.2");
});

for (const pieceBytes of [1, 100, null])
  test(`events are read whatever their chunks (${pieceBytes ?? "whole"})`, async (context) => {
    const { docker, follow } = await setUp(context);
    docker.pieceBytes = pieceBytes;
    const told = await follow();
    for (let count = 1; count <= 5; count++)
      docker.run({ name: `c${count}`, ports, labels, networks: at(`10.0.0.${count}`) });
    await told.next(/(?:10\.0\.0\.\d,?){5}/);
  });

test("a container that is told to end gets nothing new at once, and is gone when it has ended", async (context) => {
  const { docker, follow } = await setUp(context);
  docker.run({ name: "a", ports, labels, networks: at("10.0.0.1") });
  docker.run({ name: "b", ports, labels, networks: at("10.0.0.2") });
  const told = await follow();
  const questions = docker.paths.length;
  let word = told.next(/^/);
  docker.signal("a", "15");
  await word;
  assert.deepEqual(last(told), ["10.0.0.1:8080*0", "10.0.0.2:8080*1"]);
  assert.equal(docker.paths.length, questions, "nothing is asked before");
  word = told.next(/^10/);
  docker.die("a");
  assert.equal(await word, "10.0.0.2");
  assert.equal(told.snapshots.at(-1)?.isCertain, true, "it was seen to end");
  // One that dies by itself has no signal and no `stop`.
  word = told.next(/^\??$/);
  docker.die("b");
  assert.equal(await word, "");
  word = told.next(/^10/);
  docker.start("a");
  await word;
  assert.deepEqual(last(told), ["10.0.0.1:8080*1"], "what it was told before counts no more");
});

test("a signal that does not end a container changes nothing; the one that its image names does", async (context) => {
  const { docker, follow } = await setUp(context);
  docker.run({ name: "nginx", ports, labels, stopSignal: "SIGQUIT" });
  const told = await follow();
  for (const signal of ["1", "SIGHUP", "10", "WINCH", "nonsense"]) {
    docker.signal("nginx", signal);
    // The next event is answered after this one.
    const word = told.next(/^/);
    docker.run({ name: `mark-${signal}`, networks: at("10.0.0.9") });
    await word;
    assert.deepEqual(last(told), ["127.0.0.1:8080*1"], signal);
  }
  const word = told.next(/^1/);
  docker.signal("nginx", "3");
  await word;
  assert.deepEqual(last(told), ["127.0.0.1:8080*0"]);
});

test("a container that was told to end and goes on is used again after a while", async (context) => {
  const { docker, scheduler, follow } = await setUp(context);
  docker.run({ name: "a", ports, labels });
  const told = await follow();
  const word = told.next(/^1/);
  docker.signal("a", "TERM");
  await word;
  assert.deepEqual(last(told), ["127.0.0.1:8080*0"]);
  docker.forgetEvents();
  const beginMs = scheduler.clock.now();
  await passTime(scheduler, () => told.snapshots.length > 2);
  assert.deepEqual(last(told), ["127.0.0.1:8080*1"]);
  assert.ok(scheduler.clock.now() - beginMs >= 600_000);
});

test("health of its own: not yet and not any more means no traffic, with a reason, unless that is ignored", async (context) => {
  const { docker, follow } = await setUp(context);
  docker.run({ name: "a", ports, labels, health: "starting" });
  const told = await follow();
  assert.deepEqual([last(told), told.snapshots[0]?.refused], [[], ["container a is not healthy yet"]]);
  assert.deepEqual(last(await follow({ health: "ignore" })), ["127.0.0.1:8080*1"]);
  let word = told.next(/^/);
  docker.setHealth("a", "healthy");
  assert.equal(await word, "127.0.0.1");
  word = told.next(/^/);
  docker.setHealth("a", "unhealthy");
  assert.equal(await word, "?", "if all fail, perhaps the check does");
  assert.deepEqual(told.snapshots.at(-1)?.refused, ["container a is unhealthy"]);
  word = told.next(/^/);
  docker.run({ name: "b", ports, labels, networks: at("10.0.0.2") });
  assert.equal(await word, "10.0.0.2");
  word = told.next(/^/);
  docker.pause("b", "paused");
  assert.equal(await word, "?");
  word = told.next(/^/);
  docker.pause("b", "running");
  assert.equal(await word, "10.0.0.2");
});

test("a container that is made anew with the same labels and address takes the place of the old one", async (context) => {
  const { docker, follow } = await setUp(context);
  const host = { ports, labels, networks: { host: "" }, networkMode: "host" };
  docker.run({ name: "old", ...host, created: 1_000 });
  const told = await follow();
  const word = told.next(/^/);
  const id = docker.run({ name: "new", ...host, created: 2_000 });
  await word;
  const [first, second] = told.snapshots.at(-1)?.endpoints ?? [];
  assert.deepEqual([first?.identity, first?.url], [id, second?.url], "of two with one address the first counts");
});

test("options that cannot be meant are refused, and secrets are not repeated", () => {
  for (const wrong of [
    { host: "secret" },
    { host: "tcp://user:secret@a:1" },
    { host: "http://a/secret" },
    { host: "ftp://secret" },
    { labels: [] },
    { labels: ["=x"] },
    { port: 0 },
    { scheme: "unix" },
    { health: "maybe" },
    { others: 1 },
  ]) {
    const result = dockerDiscoverySchema.safeParse(wrong);
    assert.equal(result.success, false, JSON.stringify(wrong));
    if ("host" in wrong) assert.doesNotMatch(result.error?.message ?? "", /secret/);
  }
  const describe = (options: object): string => dockerKind.describe(dockerDiscoverySchema.parse(options));
  assert.equal(describe({}), "docker /var/run/docker.sock");
  assert.equal(describe({ host: "tcp://10.0.0.1:2376", labels: ["a=b"] }), "docker 10.0.0.1:2376 a=b");
});
