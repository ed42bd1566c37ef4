/**
 * Replays every request fixture: whole, cut at every byte, byte by byte, behind a good request and in front of one.
 * One proxy and one endpoint serve all; the endpoint's strict reader is the judge of what was forwarded.
 */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { sharedHarness } from "../support/harness.ts";
import type { ProxyUnderTest } from "../support/proxy-under-test.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerOk, type ScriptedUpstream } from "../support/scripted-upstream.ts";
import { valuesOf, type WireRequest, type WireResponse } from "../support/wire-reader.ts";
import { chunkFixtures } from "./request-chunks.ts";
import { fieldFixtures } from "./request-fields.ts";
import type { ForwardedShape, RequestFixture } from "./request-fixture.ts";
import { forwardingFixtures } from "./request-forwarding.ts";
import { framingFixtures } from "./request-framing.ts";
import { switchingFixtures } from "./request-switching.ts";
import { targetFixtures } from "./request-targets.ts";
import { validFixtures } from "./request-valid.ts";

const tables: Record<string, readonly RequestFixture[]> = {
  "request framing": framingFixtures,
  "request chunks": chunkFixtures,
  "request fields": fieldFixtures,
  "request targets": targetFixtures,
  "request forwarding": forwardingFixtures,
  "switching and expecting": switchingFixtures,
  "ordinary requests": validFixtures,
};

/** Fields the proxy makes or owns; compared apart. */
const madeNames = new Set([
  "via",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-request-id",
  "traceparent",
  "connection",
  "te",
  "expect",
  "host",
  "content-length",
  "transfer-encoding",
]);
const passedNames = new Set(["traceparent"]);

let upstream: ScriptedUpstream;
let proxy: ProxyUnderTest;

const harness = sharedHarness();

before(async () => {
  upstream = await harness.scripted(answerOk);
  proxy = await harness.proxy({
    endpoints: [upstream.url],
    config: { log: { access: false, stats: "0s", level: "error" } },
  });
});

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");
const methodOf = (fixture: RequestFixture): string =>
  fixture.isHead === true || fixture.request.startsWith("HEAD ") ? "HEAD" : "GET";

function assertShape(request: WireRequest, shape: ForwardedShape): void {
  assert.equal(`${request.method} ${request.target} ${request.version}`, `${shape.line} HTTP/1.1`);
  if (shape.host !== "*") assert.deepEqual(valuesOf(request, "host"), [shape.host ?? "a"]);
  const kept = request.fields.filter(
    ([name]) =>
      !madeNames.has(name.toLowerCase()) ||
      (passedNames.has(name.toLowerCase()) && shape.fields?.some((line) => line.startsWith(name))),
  );
  assert.deepEqual(
    kept.map(([name, value]) => `${name}: ${value}`),
    shape.fields ?? [],
  );
  if (shape.framing !== undefined) assert.equal(request.framing, shape.framing);
  assert.equal(request.body.toString("latin1"), shape.body ?? "");
  assert.deepEqual(
    request.trailers.map(([name, value]) => `${name}: ${value}`),
    shape.trailers ?? [],
  );
  for (const name of ["via", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id"]) {
    if (!(name === "x-forwarded-host" && shape.host === "*"))
      assert.equal(valuesOf(request, name).length, 1, `one ${name}`);
  }
  for (const [name, expected] of Object.entries(shape.made ?? {})) {
    const values = valuesOf(request, name);
    if (expected === null) assert.deepEqual(values, [], name);
    else if (typeof expected === "string") assert.deepEqual(values, [expected], name);
    else assert.match(values.join(", "), expected);
  }
}

const closes = (response: WireResponse): boolean =>
  valuesOf(response, "connection").some((value) => /\bclose\b/i.test(value));

/** How a fixture is delivered. */
interface Delivery {
  readonly cuts?: readonly number[];
  /** A good request is sent before it. */
  readonly isBehind?: boolean;
  /** A good request is sent behind it. */
  readonly isInFront?: boolean;
}

async function replay(fixture: RequestFixture, delivery: Delivery): Promise<void> {
  upstream.script = answerOk;
  upstream.forget();
  const client = await RawClient.connect(proxy.port);
  try {
    const expected: ForwardedShape[] = [];
    if (delivery.isBehind === true) {
      client.send("GET /before HTTP/1.1\r\nHost: a\r\n\r\n");
      expected.push({ line: "GET /before" });
    }
    const after = delivery.isInFront === true ? "GET /after HTTP/1.1\r\nHost: a\r\n\r\n" : "";
    await client.sendSplit(bytes(fixture.request + after), delivery.cuts ?? []);
    if (fixture.endsInput === true) client.end();
    if (delivery.isBehind === true) assert.equal((await client.response()).status, 200);

    if (fixture.refused !== undefined) {
      const response = fixture.refused.includes(0)
        ? await client.brokenResponse(methodOf(fixture))
        : await client.response(methodOf(fixture));
      assert.ok(
        fixture.refused.includes(response?.status ?? 0),
        `refused with ${fixture.refused.join(" or ")}, not ${response?.startLine}`,
      );
      if (response !== null) assert.ok(closes(response), "the refusal says Connection: close");
      await client.untilOver();
    } else {
      const response = await client.response(methodOf(fixture));
      assert.equal(response.status, fixture.answered ?? 200);
      if (fixture.forwarded !== undefined) expected.push(fixture.forwarded);
      const isKept = fixture.closes !== true;
      assert.equal(closes(response), !isKept, "whether the answer says Connection: close");
      if (!isKept) await client.untilOver();
      else if (after !== "") {
        assert.equal((await client.response()).status, 200);
        expected.push({ line: "GET /after" });
      }
    }
    assert.equal(client.unread.toString("latin1"), "", "nothing comes behind the last answer");
    await client.close();
    // A request that was refused half-way must not stay open upstream.
    await upstream.until(
      () => upstream.connections.every((connection) => connection.unread.length === 0 || connection.isClosed),
      "the aborted upstream connection was closed",
    );
    assert.deepEqual(upstream.violations, []);
    assert.deepEqual(
      upstream.requests.map(({ method, target }) => `${method} ${target}`),
      expected.map(({ line }) => line),
    );
    upstream.requests.forEach((request, at) => assertShape(request, expected[at] ?? { line: "" }));
  } finally {
    client.destroy();
  }
}

/** Where to cut: at every byte of a short fixture; of a long one at its ends and in strides. */
function cutsOf(length: number): number[] {
  const all = Array.from({ length: Math.max(length - 1, 0) }, (_, at) => at + 1);
  return length <= 400 ? all : all.filter((at) => at < 90 || at > length - 40 || at % 1_499 === 0);
}

for (const [title, fixtures] of Object.entries(tables)) {
  describe(title, () => {
    for (const fixture of fixtures) {
      test(`${fixture.name}: ${fixture.refused === undefined ? `answered with ${fixture.answered ?? 200}` : `refused with ${fixture.refused.join(" or ")}`}`, async () => {
        await replay(fixture, {});
        await replay(fixture, { isBehind: true });
        if (fixture.endsInput !== true) {
          await replay(fixture, { isInFront: true });
          await replay(fixture, { isBehind: true, isInFront: true });
        }
        const cuts = cutsOf(fixture.request.length);
        await replay(fixture, { cuts });
        for (const cut of cuts) {
          try {
            // In front of a good request, of which a part comes in the same read: nothing may be taken from it.
            await replay(
              fixture,
              fixture.endsInput === true
                ? { cuts: [cut] }
                : { cuts: [cut, fixture.request.length + 7], isInFront: true },
            );
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
