/**
 * A source of endpoints closes, breaks off, stalls, talks garbage or never stops after N bytes of its answers, or
 * answers with nonsense. Whatever it does: what was told of its endpoints stays as it was or becomes what is true, it is
 * not asked in a loop, it is followed again when it is back, nothing is left over, and no secret is said.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { seededRandom } from "../../src/base/random.ts";
import { ManualScheduler } from "../../src/base/scheduler.ts";
import type { LogFields, Logger } from "../../src/observe/logger.ts";
import type { Discovery } from "../../src/upstream/discovery/discovery.ts";
import { findDiscoveryKind } from "../../src/upstream/discovery/kinds.ts";
import { discoverySchema } from "../../src/upstream/discovery/options.ts";
import { type Fault, FaultyWay, floodBytes, type Place } from "../support/faulty-way.ts";
import { eventually, loopTurns } from "../support/signal.ts";
import { secret, type Source, sources } from "./discovery-sources.ts";

/** Where answers go wrong: in the status line, the fields, the body, the first message of a stream, a later one. */
const places = [0, 1, 20, 80, 120, 150, 180, 210, 250, 300, 400, 600, 900];
/** How long each fault lasts. */
const faultMs = 20_000;
const stepMs = 250;
/** More questions in that time were a loop. */
const maxConnections = 60;

/** Answers of any HTTP server that are none of the source. */
const nonsense: readonly (readonly [status: number, body: string])[] = [
  ...["", "{}", "null", "0", '"text"', "<html>login</html>", "{", '{"kvs":7}', '{"items":null}', '{"result":{}}'].map(
    (body) => [200, body] as const,
  ),
  [200, "[".repeat(100_000)],
  [200, `{"a":"${"x".repeat(100_000)}"}`],
  [204, ""],
  [301, ""],
  [401, '{"error":"who are you"}'],
  [403, "rpc error: Permission denied"],
  [404, "not found"],
  [500, "No cluster leader"],
  [503, '{"error":"etcdserver: no leader","code":14}'],
];

/** A discovery that is followed by a test, in time that stands still. */
async function follow(context: TestContext, section: Record<string, unknown>) {
  const scheduler = new ManualScheduler();
  const random = seededRandom(11);
  const said: string[] = [];
  const log = (message: string, fields: LogFields = {}): void => void said.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  const kind = findDiscoveryKind(discoverySchema.parse(section));
  said.push(kind.description);
  const discovery: Discovery = await kind.create({
    upstream: "api",
    scheduler,
    random,
    lookup: () => assert.fail("addresses need no look-up"),
    logger,
  });
  context.after(() => discovery.close());
  /** Every list since `lists` was emptied. */
  const lists: string[] = [];
  const state = { now: "", failures: 0 };
  discovery.start({
    onSnapshot: ({ endpoints, refused, version }) => {
      state.now = endpoints
        .map(({ host }) => host?.split(".")[3] ?? "")
        .toSorted((a, b) => Number(a) - Number(b))
        .join();
      lists.push(state.now);
      said.push(...refused, version ?? "");
    },
    onAlive: () => {},
    onFailure: (reason) => {
      state.failures++;
      said.push(reason);
    },
  });
  /** Lets time pass, and the event loop turn meanwhile. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += stepMs) {
      scheduler.advance(stepMs);
      await loopTurns(12);
    }
  };
  const becomes = (list: string): Promise<void> =>
    eventually(
      async () => {
        await pass(stepMs);
        return state.now === list;
      },
      () => `the list is ${list}; it is ${state.now}`,
    );
  return { scheduler, discovery, lists, said, state, pass, becomes };
}

/** Ends with the test, however that ends. */
async function openWay(context: TestContext, source: Source, target: Place = { port: source.port }) {
  const way = await FaultyWay.to(target);
  const close = async (): Promise<void> => {
    way.close();
    await source.close();
  };
  context.after(close);
  return { way, close };
}

function assertNothingLeft(scheduler: ManualScheduler): Promise<void> {
  const left = (): string[] =>
    process.getActiveResourcesInfo().filter((one) => /^(?:TCP|UDP|Pipe)Server|^TCP|^UDP/.test(one));
  return eventually(
    () => scheduler.pendingCount === 0 && left().length === 0,
    () => `nothing is left: ${scheduler.pendingCount} timers, ${left().join()}`,
  );
}

for (const [kind, start] of Object.entries(sources)) {
  for (const fault of ["closes", "breaks", "stalls", "garbage"] as const) {
    test(`${kind}: the way to it ${fault} after N bytes`, async (context) => {
      const source = await start();
      const { way, close } = await openWay(context, source);
      let truth = [1, 2];
      source.list(truth);
      const { scheduler, discovery, lists, said, state, pass, becomes } = await follow(
        context,
        source.section(way.port),
      );
      await becomes("1,2");
      for (const [at, after] of places.entries()) {
        lists.length = 0;
        const allowed = [truth.join()];
        way.fault = { kind: fault, after };
        await pass(faultMs / 2);
        truth = [1, 2, 10 + at];
        allowed.push(truth.join());
        source.list(truth);
        await pass(faultMs / 2);
        const wrong = lists.filter((list) => !allowed.includes(list));
        assert.deepEqual(wrong, [], `after ${after} bytes it is never anything but ${allowed.join(" or ")}`);
        assert.ok(way.connections <= maxConnections, `after ${after} bytes: ${way.connections} connections`);
        way.fault = null;
        await becomes(truth.join());
      }
      assert.ok(state.failures > 0, "failures were told");
      discovery.close();
      await close();
      await assertNothingLeft(scheduler);
      assert.ok(!said.some((text) => text.includes(secret)), "no secret was said");
    });
  }

  test(`${kind}: an answer without an end is given up`, async (context) => {
    const source = await start();
    const { way } = await openWay(context, source);
    source.list([1, 2]);
    const { lists, pass, becomes } = await follow(context, source.section(way.port));
    await becomes("1,2");
    for (const after of [150, 250]) {
      lists.length = 0;
      way.fault = { kind: "floods", after } satisfies Fault;
      await pass(faultMs);
      assert.deepEqual(
        lists.filter((list) => list !== "1,2"),
        [],
      );
      assert.ok(way.flooded < floodBytes, `${way.flooded} bytes were taken`);
    }
    way.fault = null;
    source.list([1]);
    await becomes("1");
  });

  test(`${kind}: nonsense changes nothing`, async (context) => {
    const source = await start();
    source.list([1, 2]);
    const talker = { answer: nonsense[0]!, count: 0 };
    const server = createServer((request, response) => {
      talker.count++;
      request.resume();
      response.writeHead(talker.answer[0], { "content-type": "application/json", location: "/" }).end(talker.answer[1]);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    context.after(() => {
      server.close();
      server.closeAllConnections();
    });
    const target = { port: source.port };
    const { way } = await openWay(context, source, target);
    const { lists, said, pass, becomes } = await follow(context, source.section(way.port));
    await becomes("1,2");
    let truth = "1,2";
    for (const [at, answer] of nonsense.entries()) {
      lists.length = 0;
      talker.answer = answer;
      talker.count = 0;
      target.port = (server.address() as AddressInfo).port;
      way.fault = null;
      const shown = `${answer[0]} ${answer[1].slice(0, 30)}`;
      await eventually(
        async () => {
          await pass(stepMs);
          return talker.count > 0;
        },
        () => `it asks ${shown}`,
      );
      talker.count = 0;
      await pass(faultMs);
      assert.deepEqual(
        lists.filter((list) => list !== truth),
        [],
        shown,
      );
      assert.ok(talker.count <= maxConnections, `${shown}: asked ${talker.count} times`);
      target.port = source.port;
      way.fault = null;
      source.list([1, 2, 10 + at]);
      truth = `1,2,${10 + at}`;
      await becomes(truth);
    }
    assert.ok(!said.some((text) => text.includes(secret)), "no secret was said");
  });
}
