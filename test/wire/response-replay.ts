/**
 * Replays response fixtures from a scripted endpoint: whole, cut at every byte, byte by byte. After each, a second
 * request on the same client connection shows what became of the upstream connection, and that no byte of one answer
 * was taken for another's.
 */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { type Harness, sharedHarness } from "../support/harness.ts";
import { loopTurns } from "../support/signal.ts";
import type { ProxyUnderTest } from "../support/proxy-under-test.ts";
import { RawClient } from "../support/raw-client.ts";
import type { ScriptedUpstream } from "../support/scripted-upstream.ts";
import { valuesOf, type WireResponse } from "../support/wire-reader.ts";
import type { ReceivedShape, ResponseFixture } from "./response-fixture.ts";

const madeNames = new Set(["date", "connection", "keep-alive", "content-length", "transfer-encoding", "via"]);

let upstream: ScriptedUpstream;
let proxy: ProxyUnderTest;
let harness: Harness;
let options: Readonly<Record<string, unknown>>;

async function start(): Promise<void> {
  upstream = await harness.scripted();
  const config = { log: { access: false, stats: "0s", level: "error" } };
  proxy = await harness.proxy({ endpoints: [upstream.url], upstream: options, config });
}

function assertReceived(response: WireResponse, shape: ReceivedShape): void {
  assert.equal(response.status, shape.status);
  if (shape.reason !== undefined) assert.equal(response.reason, shape.reason);
  if (shape.status !== 101) {
    const kept = response.fields.filter(([name]) => !madeNames.has(name.toLowerCase()));
    assert.deepEqual(
      kept.map(([name, value]) => `${name}: ${value}`),
      shape.fields ?? [],
    );
    assert.ok(valuesOf(response, "date").length === 1, "one Date");
  }
  assert.equal(response.body.toString("latin1"), shape.body ?? "");
  if (shape.framing !== undefined) assert.equal(response.framing, shape.framing);
  if (shape.contentLength !== undefined)
    assert.deepEqual(valuesOf(response, "content-length"), shape.contentLength === null ? [] : [shape.contentLength]);
  if (shape.interim !== undefined)
    assert.deepEqual(
      response.interim.map(({ status }) => status),
      shape.interim,
    );
  if (shape.trailers !== undefined)
    assert.deepEqual(
      response.trailers.map(([name, value]) => `${name}: ${value}`),
      shape.trailers,
    );
}

const secondRequest = "GET /second HTTP/1.1\r\nHost: a\r\n\r\n";

const requestOf = (fixture: ResponseFixture): string => {
  if (fixture.request !== undefined) return fixture.request;
  return fixture.method === "POST"
    ? "POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
    : `${fixture.method ?? "GET"} /first HTTP/1.1\r\nHost: a\r\n\r\n`;
};

async function replay(fixture: ResponseFixture, cuts: readonly number[], isPipelined = false): Promise<void> {
  if (proxy.isGivenUp) await start();
  // On a fresh upstream connection: one that had served before would give a silent endpoint a second chance.
  upstream.breakConnections();
  await proxy.untilOpen(
    ({ upstreamConnections }) => upstreamConnections === 0 && upstream.openCount === 0,
    "no upstream connection is left",
  );
  upstream.forget();
  let attemptsOfFirst = 0;
  upstream.script = {
    onRequest: (connection, request) => {
      if (request.target === "/second") {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond");
        return;
      }
      attemptsOfFirst++;
      if (fixture.received?.status !== 101) connection.isRaw = false;
      void connection.sendSplit(Buffer.from(fixture.response, "latin1"), cuts).then(() => {
        if (fixture.endsOutput === true) connection.end();
      });
    },
  };
  const client = await RawClient.connect(proxy.port);
  try {
    const method = fixture.method === "HEAD" ? "HEAD" : "GET";
    // The next request may leave in the very moment in which the answer is complete, before what is behind it was
    // looked at.
    client.send(requestOf(fixture) + (isPipelined ? secondRequest : ""));
    let isClientKept = false;
    if (fixture.broken !== undefined) {
      const response = await client.brokenResponse(method);
      // An answer whose head had not left yet may become a 502 instead.
      if (response === null || response.status !== 502) {
        assert.equal(response?.status ?? fixture.broken, fixture.broken);
        assert.equal(response?.isComplete ?? false, false, "the answer is visibly incomplete");
      }
    } else {
      const response = await client.response(method);
      if (fixture.received !== undefined) assertReceived(response, fixture.received);
      else assert.equal(response.status, fixture.failed);
      isClientKept =
        response.status !== 101 &&
        response.framing !== "close" &&
        !valuesOf(response, "connection").some((value) => /close/i.test(value));
    }
    assert.equal(attemptsOfFirst, 1, "a broken answer is not asked for twice");
    // What the endpoint may still have to say comes in before the next request leaves.
    await loopTurns(cuts.length > 2 ? 2 * cuts.length + 4 : 6);
    const firstConnection = upstream.connections.find((connection) =>
      connection.requests.some(({ target }) => target !== "/second"),
    );
    const second = isClientKept ? client : await RawClient.connect(proxy.port);
    if (second !== client || !isPipelined) second.send(secondRequest);
    const answer = await second.response();
    assert.equal(`${answer.status} ${answer.body.toString()}`, "200 second");
    const isReused = firstConnection?.requests.some(({ target }) => target === "/second") === true;
    assert.equal(isReused, fixture.isReused === true, "whether the upstream connection is used again");
    if (second !== client) await second.close();
    if (fixture.isReused !== true && fixture.received?.status !== 101) await firstConnection?.untilOver();
    if (fixture.received?.status === 101) client.destroy();
    else await client.close();
    await proxy.untilOpen(({ exchanges }) => exchanges === 0, "no exchange is left");
    assert.deepEqual(upstream.violations, []);
  } finally {
    client.destroy();
  }
}

function cutsOf(length: number): number[] {
  const all = Array.from({ length: Math.max(length - 1, 0) }, (_, at) => at + 1);
  return length <= 400 ? all : all.filter((at) => at < 60 || at > length - 40 || at % 4_999 === 0);
}

/** Declares a test for each fixture. @param upstreamOptions of the configuration. Once a file. */
export function replayResponses(
  groups: Readonly<Record<string, readonly ResponseFixture[]>>,
  upstreamOptions: Readonly<Record<string, unknown>> = {},
): void {
  options = upstreamOptions;
  harness = sharedHarness();
  before(start);
  for (const [title, fixtures] of Object.entries(groups)) {
    describe(title, () => {
      for (const fixture of fixtures) {
        const fate =
          fixture.received !== undefined
            ? "passes"
            : fixture.failed !== undefined
              ? `becomes ${fixture.failed}`
              : "breaks off";
        test(`${fixture.name}: ${fate}`, async () => {
          await replay(fixture, []);
          if (fixture.request === undefined) await replay(fixture, [], true);
          const cuts = cutsOf(fixture.response.length);
          await replay(fixture, cuts);
          for (const cut of cuts) {
            try {
              await replay(fixture, [cut]);
            } catch (error) {
              throw new Error(`cut at ${cut}: ${error instanceof Error ? error.message : String(error)}`, {
                cause: error,
              });
            }
          }
        });
      }
    });
  }
}
