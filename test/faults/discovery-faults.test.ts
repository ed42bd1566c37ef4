/**
 * A source of endpoints closes, breaks off, stalls, talks garbage or never stops after N bytes of its answers, or
 * answers with nonsense. Whatever it does: what was told of its endpoints stays as it was or becomes what is true, it is
 * not asked in a loop, it is followed again when it is back, nothing is left over, and no secret is said.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { type Fault, FaultyWay, floodBytes, type Place } from "../support/faulty-way.ts";
import { eventually } from "../support/signal.ts";
import { secret, type Source, sources } from "./discovery-sources.ts";
import { assertNothingLeft, follow, stepMs } from "./followed-source.ts";

/** Where answers go wrong: in the status line, the fields, the body, the first message of a stream, a later one. */
const places = [0, 1, 20, 80, 120, 150, 180, 210, 250, 300, 400, 600, 900];
/** How long each fault lasts. */
const faultMs = 20_000;
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

/** Ends with the test, however that ends. */
async function openWay(context: TestContext, source: Source, target: { place: Place } = source) {
  const way = await FaultyWay.to(() => target.place);
  const close = async (): Promise<void> => {
    way.close();
    await source.close();
  };
  context.after(close);
  return { way, close };
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
    const target = { place: source.place };
    const { way } = await openWay(context, source, target);
    const { lists, said, pass, becomes } = await follow(context, source.section(way.port));
    await becomes("1,2");
    let truth = "1,2";
    for (const [at, answer] of nonsense.entries()) {
      lists.length = 0;
      talker.answer = answer;
      talker.count = 0;
      target.place = server.address() as AddressInfo;
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
      target.place = source.place;
      way.fault = null;
      source.list([1, 2, 10 + at]);
      truth = `1,2,${10 + at}`;
      await becomes(truth);
    }
    assert.ok(!said.some((text) => text.includes(secret)), "no secret was said");
  });
}
