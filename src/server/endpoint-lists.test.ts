import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualScheduler } from "../base/scheduler.ts";
import { parseConfig } from "../config/parse-config.ts";
import type { Config } from "../config/schema.ts";
import { parseEndpointAddress } from "../upstream/endpoint-address.ts";
import type { EndpointSource, ListedEndpoint } from "../upstream/endpoint-source.ts";
import { EndpointLists } from "./endpoint-lists.ts";

const listed = (...ports: number[]): ListedEndpoint[] =>
  ports.map((port) => ({
    ...parseEndpointAddress(`http://127.0.0.1:${port}`),
    weight: 1,
    backup: false,
    zone: null,
    identity: null,
  }));

function configOf(...ports: number[]): Config {
  const endpoints = ports.map((port) => `http://127.0.0.1:${port}`);
  return parseConfig({
    listeners: [{ address: ":0" }],
    routes: [{ upstream: "api" }],
    upstreams: { api: { endpoints }, other: { endpoints: ["http://127.0.0.1:9"] } },
  });
}

class Told implements EndpointSource {
  endpoints: readonly ListedEndpoint[] = listed(7);
  isClosed = false;
  onChange = (): void => assert.fail("nobody watches");

  watch(onChange: () => void): void {
    this.onChange = onChange;
  }

  close(): void {
    this.isClosed = true;
  }
}

function setUp(): { lists: EndpointLists; sources: Told[]; changes: () => number } {
  const sources: Told[] = [];
  let changes = 0;
  const lists = new EndpointLists({
    createSource: () => {
      const source = new Told();
      sources.push(source);
      return source;
    },
    onChange: () => changes++,
  });
  return { lists, sources, changes: () => changes };
}

async function prepare(lists: EndpointLists, config: Config): Promise<Config> {
  await lists.open(config);
  return lists.prepare(config);
}

const portsOf = (config: Config): number[] => config.upstreams["api"]!.endpoints.map(({ port }) => port);

test("a configuration gets the lists that its sources give; the one that was written stays as it is", async () => {
  const { lists } = setUp();
  const written = configOf(1);
  assert.deepEqual([portsOf(await prepare(lists, written)), portsOf(written)], [[7], [1]]);
});

test("changes are told once until they are taken, and the latest list counts", async () => {
  const { lists, sources, changes } = setUp();
  const config = await prepare(lists, configOf(1));
  lists.commit();
  assert.deepEqual(lists.takeChanges(config), [], "what came meanwhile: nothing");
  const before = changes();
  for (const ports of [[1], [2, 3], [7, 8, 8]]) {
    sources[0]!.endpoints = listed(...ports);
    sources[0]!.onChange();
  }
  assert.equal(changes(), before + 1);
  assert.deepEqual(
    lists.takeChanges(config).map(({ upstream, options }) => [upstream, options.endpoints.map(({ port }) => port)]),
    [["api", [7, 8]]],
  );
  sources[0]!.onChange();
  assert.equal(changes(), before + 2);
});

test("the same endpoints in another order are no change", async () => {
  const { lists, sources } = setUp();
  const config = configOf(1, 2);
  sources.length = 0;
  await prepare(lists, config);
  lists.commit();
  sources[0]!.endpoints = listed(2, 1);
  sources[0]!.onChange();
  assert.deepEqual(
    lists.takeChanges(config).map(({ upstream }) => upstream),
    ["other"],
    "which has another list",
  );
});

test("a source lives as long as the endpoints of its upstream are written as before", async () => {
  const { lists, sources } = setUp();
  await prepare(lists, configOf(1));
  lists.commit();
  await prepare(lists, configOf(1));
  lists.commit();
  assert.equal(sources.length, 2, "one an upstream");
  await prepare(lists, configOf(2));
  assert.equal(sources.length, 3);
  lists.abort();
  assert.deepEqual(
    sources.map(({ isClosed }) => isClosed),
    [false, false, true],
  );
  await prepare(lists, configOf(2));
  lists.commit();
  assert.deepEqual(
    sources.map(({ isClosed }) => isClosed),
    [true, false, true, false],
  );
  await lists.close();
  assert.ok(sources.every(({ isClosed }) => isClosed));
});

test("a change that could not be brought to the threads is told again, until it is there", async () => {
  const source = new Told();
  const scheduler = new ManualScheduler();
  let told = 0;
  const lists = new EndpointLists({ createSource: () => source, onChange: () => told++, scheduler });
  const config = await prepare(lists, configOf(1));
  lists.commit();
  lists.takeChanges(config);
  told = 0;
  source.endpoints = listed(2);
  source.onChange();
  assert.equal(told, 1);
  const fail = async (): Promise<void> => Promise.reject(new Error("no memory"));
  for (let round = 2; round < 4; round++) {
    await assert.rejects(lists.bringChanges(config, fail), /no memory/);
    assert.equal(told, round - 1, "not at once");
    scheduler.advance(1_000);
    assert.equal(told, round);
  }
  const brought: number[] = [];
  await lists.bringChanges(config, async (changes) => {
    for (const { options } of changes) brought.push(...options.endpoints.map(({ port }) => port));
  });
  assert.deepEqual(new Set(brought), new Set([2]));
  assert.equal(scheduler.pendingCount, 0);
  source.endpoints = listed(3);
  source.onChange();
  await assert.rejects(lists.bringChanges(config, fail));
  await lists.close();
  assert.equal(scheduler.pendingCount, 0, "nothing is left at the end");
});
