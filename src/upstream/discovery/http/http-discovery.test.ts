import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { ManualScheduler, type ScheduledCall } from "../../../base/scheduler.ts";
import { discoveryContext, Told } from "../testing/told.ts";
import { HttpDiscovery } from "./http-discovery.ts";
import { httpKind } from "./kind.ts";
import { httpDiscoverySchema } from "./options.ts";

type Answer = (request: IncomingMessage, answer: ServerResponse) => void;

const timeoutMs = 7_000;

/** Writes down the pauses. */
class WatchedScheduler extends ManualScheduler {
  readonly pausesMs: number[] = [];

  override after(delayMs: number, run: () => void): ScheduledCall {
    if (delayMs !== timeoutMs) this.pausesMs.push(delayMs);
    return super.after(delayMs, run);
  }
}

/** A service whose answer may change, and a discovery that asks it when the test says so. */
class Stage {
  answer: Answer = (_request, answer) => void answer.end("[]");
  readonly requests: IncomingMessage[] = [];
  readonly scheduler = new WatchedScheduler();
  readonly told = new Told();
  readonly discovery: HttpDiscovery;

  private constructor(url: string, options: object) {
    const read = httpDiscoverySchema.parse({ url, timeout: "7s", ...options });
    this.discovery = new HttpDiscovery(read, discoveryContext({ scheduler: this.scheduler, random: () => 0.5 }));
  }

  static async start(context: TestContext, options: object = {}): Promise<Stage> {
    const server = createServer((request, answer) => {
      stage.requests.push(request);
      stage.answer(request, answer);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, "127.0.0.1", resolve);
    await promise;
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/list?key=secret`;
    const stage = new Stage(url, options);
    // Connections of the client do not keep the process alive; the server's do.
    context.after(() => {
      stage.discovery.close();
      assert.equal(stage.scheduler.pendingCount, 0);
      server.closeAllConnections();
      server.close();
    });
    return stage;
  }

  /** The word that the next answer makes. */
  async ask(answer?: Answer): Promise<string> {
    if (answer !== undefined) this.answer = answer;
    const word = this.told.next(/^/);
    if (this.told.words.length === 0) this.discovery.start(this.told);
    else this.scheduler.advance(this.scheduler.pausesMs.at(-1) ?? 0);
    const heard = await word;
    assert.doesNotMatch(heard, /secret/);
    return heard;
  }
}

const json =
  (value: unknown, headers: Record<string, string> = {}): Answer =>
  (_request, answer) =>
    void answer.writeHead(200, headers).end(JSON.stringify(value));

test("a list is asked for at the start, and again, with what is known of it", async (context) => {
  const stage = await Stage.start(context, { token: "secret", headers: { "X-Env": "test" } });
  assert.equal(await stage.ask(json(["http://a:1", { url: "http://b:2" }], { etag: '"1"' })), "?a,b");
  const { headers } = stage.requests[0]!;
  assert.deepEqual(
    [headers.authorization, headers["x-env"], headers["if-none-match"]],
    ["Bearer secret", "test", undefined],
  );
  assert.equal(stage.told.snapshots[0]?.version, '"1"');
  assert.equal(await stage.ask((_request, answer) => void answer.writeHead(304).end()), ".");
  assert.equal(stage.requests[1]?.headers["if-none-match"], '"1"');
  assert.equal(await stage.ask(json({ endpoints: ["http://c:1"] }, { "last-modified": "Mon, 30 Nov 2026" })), "?c");
  assert.equal(await stage.ask(json({ endpoints: ["http://c:1"] })), ".", "the same again is no news");
  assert.equal(stage.requests[3]?.headers["if-modified-since"], "Mon, 30 Nov 2026");
  assert.equal(await stage.ask(json(["http://c:1", "nonsense"])), "?c");
  assert.equal(stage.told.snapshots.at(-1)?.refused.length, 1);
  assert.equal(await stage.ask(json([])), "?");
});

test("whatever goes wrong is a failure, and the answer is told again", async (context) => {
  const stage = await Stage.start(context);
  const { mock } = context.mock.method(stage.told, "onSnapshot", () => {
    throw new Error("out of order");
  });
  assert.equal(await stage.ask(json(["http://a:1"], { etag: '"1"' })), "! out of order");
  mock.restore();
  assert.equal(await stage.ask(), "?a");
  assert.equal(stage.requests[1]?.headers["if-none-match"], undefined);
});

test("one that is closed by what it tells leaves no timer", async (context) => {
  const stage = await Stage.start(context);
  context.mock.method(stage.told, "onAlive", () => stage.discovery.close());
  await stage.ask(json(["http://a:1"]));
  stage.scheduler.advance(stage.scheduler.pausesMs.at(-1) ?? 0);
  while (stage.scheduler.pendingCount > 0) await new Promise(setImmediate);
  assert.equal(stage.requests.length, 2);
});

test("an answer that cannot be used changes nothing and is said, and the next one counts again", async (context) => {
  const stage = await Stage.start(context);
  await stage.ask(json(["http://a:1"], { etag: '"1"' }));
  const answers: readonly (readonly [answer: Answer, sentence: RegExp])[] = [
    [(_request, answer) => void answer.writeHead(500).end("[]"), /the answer is 500/],
    [(_request, answer) => void answer.writeHead(404).end("[]"), /404/],
    [(_request, answer) => void answer.writeHead(401).end(), /another token/],
    [(_request, answer) => void answer.writeHead(302, { location: "/secret" }).end(), /302; redirects/],
    [(_request, answer) => void answer.writeHead(204).end(), /204/],
    [(_request, answer) => void answer.end("<html>secret</html>"), /not JSON/],
    [(_request, answer) => void answer.end(""), /not JSON/],
    [json("http://a:1"), /neither a list/],
    [json(["nonsense", { url: "http://x:secret@y" }]), /none of the records/],
    [(_request, answer) => void answer.end(`["${"x".repeat(9_000_000)}"]`), /more than/],
    [
      (request, answer) => {
        answer.writeHead(200, { "content-length": "1000" });
        answer.write('["http://b:1"]');
        setImmediate(() => request.socket.destroy());
      },
      /broke off/,
    ],
    [(request) => void request.socket.destroy(), /./],
  ];
  for (const [answer, sentence] of answers)
    assert.match(await stage.ask(answer), new RegExp(`^! .*${sentence.source}`));
  assert.equal(stage.requests.at(-1)?.headers["if-none-match"], '"1"');
  assert.equal(await stage.ask((_request, answer) => void answer.writeHead(304).end()), ".");
  assert.equal(await stage.ask(json(["http://b:1"])), "?b");
  // Whoever was asked without condition has no 304 to give.
  assert.match(await stage.ask((_request, answer) => void answer.writeHead(304).end()), /^! .*304/);
});

test("pauses after failures grow, up to half a minute, and begin anew after an answer", async (context) => {
  const stage = await Stage.start(context, { interval: "1s" });
  for (let at = 0; at < 7; at++) await stage.ask((_request, answer) => void answer.writeHead(500).end());
  await stage.ask(json([]));
  await stage.ask((_request, answer) => void answer.writeHead(500).end());
  assert.deepEqual(stage.scheduler.pausesMs, [525, 1_025, 2_025, 4_025, 8_025, 15_025, 15_025, 1_000, 525]);
});

test("a service that drips is given up", async (context) => {
  const stage = await Stage.start(context, { timeout: "2s" });
  const word = await stage.ask((_request, answer) => {
    answer.writeHead(200);
    answer.write("[");
    setImmediate(() => stage.scheduler.advance(2_000));
  });
  assert.match(word, /no answer in 2000 ms/);
});

test("options that cannot be meant are refused, and secrets are not repeated", () => {
  const url = "http://a/";
  for (const wrong of [
    {},
    { url: "secret" },
    { url: "http://user:secret@a" },
    { url: "unix:/secret" },
    { url, interval: "10ms" },
    { url, headers: { "a b": "x" } },
    { url, headers: { a: "secret\n" } },
    { url, token: "secret\n" },
    { url, others: 1 },
  ]) {
    const result = httpDiscoverySchema.safeParse(wrong);
    assert.equal(result.success, false, JSON.stringify(wrong));
    assert.doesNotMatch(result.error?.message ?? "", /secret/);
  }
  const options = httpDiscoverySchema.parse({ url: "https://registry.internal/v1/api?key=secret" });
  assert.equal(httpKind.describe(options), "https://registry.internal/v1/api");
});
