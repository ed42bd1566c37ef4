import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { ManualScheduler } from "../../base/scheduler.ts";
import { answerOcsp } from "../../net/testing/ocsp-responder.ts";
import { TestAuthority, type TestCertificate } from "../../net/testing/test-authority.ts";
import { readCertificate } from "../../net/tls/read-certificate.ts";
import type { CertificateMaterial } from "../../net/tls/tls-material.ts";
import { askByFetch, type AskResponder, Stapler } from "./stapler.ts";

const url = "http://ocsp.test/";

interface Scene {
  readonly stapler: Stapler;
  readonly scheduler: ManualScheduler;
  readonly lines: string[];
  readonly asked: string[];
  /** What the responder does next. */
  answer: AskResponder;
  /** How often the staples changed. */
  changes: number;
  /** Winds time forward and lets everything that is due come to its end. */
  advance(ms: number): Promise<void>;
}

function build(t: TestContext): Scene {
  const scheduler = new ManualScheduler();
  const startMs = Date.now() - scheduler.clock.now();
  const lines: string[] = [];
  const log = (message: string): void => void lines.push(message);
  const asked: string[] = [];
  let settled = Promise.resolve();
  const scene: Scene = {
    scheduler,
    lines,
    asked,
    changes: 0,
    answer: () => Promise.reject(new Error("away")),
    stapler: new Stapler({
      logger: { debug: log, info: log, warn: log, error: log },
      scheduler,
      now: () => startMs + scheduler.clock.now(),
      onChange: () => void scene.changes++,
      ask: (at, question) => {
        asked.push(at);
        const answer = scene.answer(at, question);
        settled = answer.then(
          () => {},
          () => {},
        );
        return answer;
      },
    }),
    async advance(ms) {
      scheduler.advance(ms);
      await settled;
      // The stapler goes on behind the answer.
      for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    },
  };
  t.after(() => scene.stapler.close());
  return scene;
}

function materialOf({ cert, key }: TestCertificate, authority: TestAuthority): CertificateMaterial {
  return readCertificate({ cert, key, chain: authority.root }).material;
}

test("responders are asked in the background, again at half of an answer's life, and less often while they are away", async (t) => {
  const scene = build(t);
  const authority = await TestAuthority.create();
  const leaf = await authority.issue({ names: ["a.test"], responder: url });
  const material = materialOf(leaf, authority);
  const plain = materialOf(await authority.issue({ names: ["b.test"] }), authority);
  scene.stapler.follow([material, plain]);
  assert.equal(scene.asked.length, 0, "never at once");
  await scene.advance(0);
  assert.deepEqual(scene.asked, [url]);
  assert.equal(scene.stapler.stapleOf(material.id), null);
  await scene.advance(60_000);
  await scene.advance(60_000);
  assert.equal(scene.asked.length, 2, "the second wait is longer");
  scene.answer = (_url, question) => answerOcsp(question, { authority, good: [leaf] });
  await scene.advance(60_000);
  const staple = scene.stapler.stapleOf(material.id);
  assert.ok(staple);
  assert.equal(scene.changes, 1);
  assert.equal(scene.stapler.stapleOf(plain.id), null);
  assert.deepEqual(scene.lines, ["an OCSP responder gives nothing to staple"], "told once, and never of no responder");
  await scene.advance(11 * 3_600_000);
  assert.equal(scene.asked.length, 3);
  scene.answer = () => Promise.reject(new Error("away"));
  await scene.advance(2 * 3_600_000);
  assert.equal(scene.asked.length, 4);
  assert.equal(scene.stapler.stapleOf(material.id), staple, "the last good answer stays");
  scene.stapler.follow([material]);
  assert.equal(scene.stapler.stapleOf(material.id), staple, "a reload changes nothing");
  scene.stapler.follow([plain]);
  assert.equal(scene.stapler.stapleOf(material.id), null);
  assert.equal(scene.scheduler.pendingCount, 0);
});

test("a responder that does not answer keeps no other waiting", async (t) => {
  const scene = build(t);
  const authority = await TestAuthority.create();
  const leaves = await Promise.all(
    ["a.test", "b.test", "c.test"].map((name) => authority.issue({ names: [name], responder: url })),
  );
  const { promise: never } = Promise.withResolvers<Buffer>();
  scene.answer = (_url, question) =>
    scene.asked.length < leaves.length ? never : answerOcsp(question, { authority, good: [leaves[2]!] });
  scene.stapler.follow(leaves.map((leaf) => materialOf(leaf, authority)));
  await scene.advance(0);
  assert.equal(scene.asked.length, 3);
  assert.ok(scene.stapler.stapleOf(materialOf(leaves[2]!, authority).id));
});

test("an answer about another certificate, or a bad one, is not stapled", async (t) => {
  const scene = build(t);
  const authority = await TestAuthority.create();
  const leaf = await authority.issue({ names: ["a.test"], responder: url });
  const material = materialOf(leaf, authority);
  scene.answer = (_url, question) => answerOcsp(question, { authority, good: [], revoked: [leaf] });
  scene.stapler.follow([material]);
  await scene.advance(0);
  assert.equal(scene.asked.length, 1);
  assert.equal(scene.stapler.stapleOf(material.id), null);
});

async function responder(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test("an answer that never ends is given up, whether it comes fast or slowly, and its connection is closed", async (t) => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const fast = await responder(t, (_request, response) => {
    const more = (): void => void response.write(Buffer.alloc(16_384), () => response.destroyed || setImmediate(more));
    response.on("close", resolve);
    more();
  });
  await assert.rejects(askByFetch(fast, Buffer.from("?")), /its answer is too long/);
  await closed;
  const slow = await responder(t, (_request, response) => void response.write("a byte, and never another"));
  await assert.rejects(askByFetch(slow, Buffer.from("?"), 50), { name: "TimeoutError" });
  const silent = await responder(t, () => {});
  await assert.rejects(askByFetch(silent, Buffer.from("?"), 50), { name: "TimeoutError" });
  const elsewhere = await responder(t, (_request, response) => void response.writeHead(307, { location: slow }).end());
  await assert.rejects(askByFetch(elsewhere, Buffer.from("?")));
});
