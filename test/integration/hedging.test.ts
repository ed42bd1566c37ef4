/** A second endpoint is asked where the first is slow to answer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RawClient } from "../support/raw-client.ts";
import { answerOk, type Script, ScriptedUpstream, type UpstreamConnection } from "../support/scripted-upstream.ts";
import { eventually } from "../support/signal.ts";
import { Stage } from "../support/stage.ts";

const silence: Script = {};
const after = (ms: number, text: string): Script => ({
  onRequest: (connection) => void setTimeout(() => connection.send(text), ms),
});
/** Answers as soon as the hedge has failed, however long a busy machine takes for that. */
const afterFailure = (stage: Stage, text: string): Script => ({
  onRequest: (connection) =>
    void eventually(async () => (await results(stage))["failed"] === 1, "the hedge has failed").then(() =>
      connection.send(text),
    ),
});
const answer = (status: number): string => `HTTP/1.1 ${status} X\r\nContent-Length: 4\r\n\r\nlate`;
const request = (method: string): string =>
  `${method} / HTTP/1.1\r\nHost: a\r\n${method === "POST" ? "Content-Length: 0\r\n" : ""}\r\n`;

interface Scene {
  readonly one: ScriptedUpstream;
  readonly other: ScriptedUpstream;
  readonly stage: Stage;
  readonly client: RawClient;
  ask(method: string): Promise<string>;
}

/** Two endpoints; the first request goes to `one`. */
async function withScene(upstream: Record<string, unknown>, act: (scene: Scene) => Promise<void>): Promise<void> {
  const one = await ScriptedUpstream.start(silence);
  const other = await ScriptedUpstream.start();
  const stage = await Stage.start({
    workers: 0,
    listeners: [{ address: "127.0.0.1:0" }],
    routes: [{ upstream: "app" }],
    upstreams: { app: { endpoints: [one.url, other.url], ...upstream } },
  });
  const client = await RawClient.connect(stage.port());
  const ask = async (method: string): Promise<string> => {
    client.send(request(method));
    const { status, body } = await client.response(method);
    return `${status} ${body.toString()}`;
  };
  try {
    await act({ one, other, stage, client, ask });
    client.destroy();
    await one.close();
    await other.close();
    await stage.untilEmpty();
    assert.deepEqual(
      [...one.violations, ...other.violations, ...stage.complaints.filter((text) => text.includes("internal"))],
      [],
    );
  } finally {
    client.destroy();
    await stage.close();
  }
}

const hedge = { after: "50ms" };
const results = async (stage: Stage): Promise<Record<string, number>> =>
  (await stage.metrics()).by("millrace_hedges_total", "result");

test("the second answer is taken when it is the first to come, and the slow attempt is given up", () =>
  withScene({ hedge }, async ({ one, ask, stage }) => {
    assert.equal(await ask("GET"), "200 ok");
    await one.connections[0]!.untilOver();
    assert.deepEqual(await results(stage), { won: 1 });
  }));

test("the first answer is taken when it comes before the second, which is given up", () =>
  withScene({ hedge }, async ({ one, other, ask, stage }) => {
    one.script = after(200, answer(200));
    other.script = silence;
    assert.equal(await ask("GET"), "200 late");
    await other.connections[0]!.untilOver();
    assert.deepEqual(await results(stage), { lost: 1 });
  }));

test("an answer that comes in time has no second attempt", () =>
  withScene({ hedge: { after: "5s" } }, async ({ one, other, ask, stage }) => {
    one.script = answerOk;
    assert.equal(await ask("GET"), "200 ok");
    assert.deepEqual([other.requests.length, await results(stage)], [0, {}]);
  }));

test("only safe methods are asked twice", () =>
  withScene({ hedge, timeouts: { firstByte: "300ms" } }, async ({ other, ask }) => {
    assert.match(await ask("POST"), /^504/);
    assert.equal(other.requests.length, 0);
  }));

test("a failing second answer is no answer while the first may come", () =>
  withScene({ hedge }, async ({ one, other, ask, stage }) => {
    one.script = afterFailure(stage, answer(200));
    other.script = after(0, answer(503));
    assert.equal(await ask("GET"), "200 late");
    assert.deepEqual(await results(stage), { failed: 1 });
  }));

test("when the first attempt fails, the second is waited for; when both fail, the failure is the answer", () =>
  withScene({ hedge }, async ({ one, other, ask, stage }) => {
    const breakOff: Script = {
      onRequest: (connection: UpstreamConnection) => void setTimeout(() => connection.reset(), 150),
    };
    one.script = breakOff;
    other.script = after(300, answer(200));
    assert.equal(await ask("GET"), "200 late");
    assert.deepEqual([one.requests.length, other.requests.length, await results(stage)], [1, 1, { won: 1 }]);
    one.script = breakOff;
    other.script = { onRequest: (connection) => void setTimeout(() => connection.reset(), 300) };
    assert.match(await ask("GET"), /^502 .*UPSTREAM_RESET/);
    assert.deepEqual(await results(stage), { won: 1, failed: 1 });
  }));

test("a client that leaves takes both attempts with it", () =>
  withScene({ hedge }, async ({ one, other, client }) => {
    other.script = silence;
    client.send(request("GET"));
    await other.until(() => other.requests.length === 1, "the second was asked");
    client.reset();
    await one.connections[0]!.untilOver();
    await other.connections[0]!.untilOver();
  }));

test("a hedge takes a place of its own among what the upstream is given at a time: without one there is none", () =>
  withScene({ hedge, limits: { maxRequests: 1 } }, async ({ one, other, ask, stage }) => {
    one.script = after(200, answer(200));
    assert.equal(await ask("GET"), "200 late");
    assert.deepEqual([other.requests.length, await results(stage)], [0, {}]);
  }));

const ends: readonly (readonly [result: string, one: (stage: Stage) => Script, other: Script, answer: string])[] = [
  ["won", () => silence, answerOk, "200 ok"],
  ["lost", () => after(200, answer(200)), silence, "200 late"],
  ["failed", (stage) => afterFailure(stage, answer(200)), after(0, answer(503)), "200 late"],
];
for (const [result, first, second, expected] of ends) {
  test(`a hedge that has ${result} leaves its place to the next`, () =>
    withScene(
      { hedge, limits: { maxRequests: 2, maxRequestsPerEndpoint: 1, maxPending: 0 } },
      async ({ one, other, ask, stage }) => {
        one.script = first(stage);
        other.script = second;
        assert.equal(await ask("GET"), expected);
        assert.deepEqual(await results(stage), { [result]: 1 });
        // Only where both places are free is there another one.
        for (const upstream of [one, other]) upstream.script = after(200, answer(200));
        assert.equal(await ask("GET"), "200 late");
        assert.equal(
          Object.values(await results(stage)).reduce((sum, number) => sum + number, 0),
          2,
        );
      },
    ));
}
