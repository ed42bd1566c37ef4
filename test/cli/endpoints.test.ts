/** Endpoints of a serving process, drained, enabled and weighed from the command line. */
import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { Endpoint, echo } from "../support/endpoint.ts";
import { http1Endpoint } from "../support/http1-endpoint.ts";
import { MillraceProcess, runMillrace } from "../support/millrace-process.ts";
import { Origin } from "../support/origin.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-endpoints-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let fileCount = 0;
const token = "a-token-for-the-tests-0123456789";

async function start(t: TestContext, tokens = "") {
  const origins = await Promise.all(["a", "b"].map((name) => Endpoint.start(http1Endpoint, echo(name))));
  t.after(() => Promise.all(origins.map((origin) => origin.close())));
  const file = join(folder, `${++fileCount}.yaml`);
  const write = (weights: readonly number[]): void => {
    const endpoints = origins.map((origin, at) => `{ url: "${origin.url}", weight: ${weights[at]} }`).join(", ");
    writeFileSync(
      `${file}.new`,
      `
workers: 2
listeners: [{ address: "127.0.0.1:0" }]
routes: [{ upstream: app }]
upstreams: { app: { endpoints: [${endpoints}] } }
admin: { address: "unix:${join(folder, `${fileCount}.sock`)}"${tokens} }
`,
    );
    renameSync(`${file}.new`, file);
  };
  write([1, 1]);
  const millrace = new MillraceProcess(["run", "--no-watch", file]);
  t.after(() => millrace.stop());
  const { url } = await millrace.ready();
  /** Who answers `count` requests. */
  const answerers = async (count = 12): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    for (let index = 0; index < count; index++) {
      const name = (await fetch(url)).headers.get("x-endpoint") ?? "";
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  };
  const run = (...args: string[]): string => {
    const { code, stdout, stderr } = runMillrace(args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const reload = (weights: readonly number[]): void => {
    write(weights);
    assert.match(run("reload", file), /^Reloaded: /);
  };
  const names = origins.map((origin) => `127.0.0.1:${origin.port}`) as [string, string];
  return { file, names, answerers, run, reload };
}

test("drain, enable and weight say what they did, and all threads follow at once", async (t) => {
  const {
    file,
    names: [a, b],
    answerers,
    run,
  } = await start(t);
  assert.equal(
    run("drain", "app", a, file, "--wait"),
    `http://${a} is draining, 0 in flight; 1 of 2 endpoints of app take new requests.\nhttp://${a} is idle.\n`,
  );
  assert.deepEqual(await answerers(), { b: 12 });
  assert.equal(
    run("enable", "app", `http://${a}`, file),
    `http://${a} is enabled; 2 of 2 endpoints of app take new requests.\n`,
  );
  assert.deepEqual(await answerers(), { a: 6, b: 6 });
  assert.equal(
    run("weight", "app", b, "3", file),
    `http://${b} has the weight 3 (configured: 1); 2 of 2 endpoints of app take new requests.\n`,
  );
  assert.deepEqual(await answerers(), { a: 3, b: 9 });
  assert.equal(
    run("weight", "app", b, "configured", file),
    `http://${b} has the weight 1; 2 of 2 endpoints of app take new requests.\n`,
  );
  assert.deepEqual(await answerers(), { a: 6, b: 6 });
});

test("who drains the last endpoint is told what that means", async (t) => {
  const {
    file,
    names: [a, b],
    run,
  } = await start(t);
  run("weight", "app", a, "0", file);
  const { code, stdout, stderr } = runMillrace(["drain", "app", b, file]);
  assert.deepEqual([code, stderr], [0, "Nobody is left: new requests for app are answered with 503.\n"]);
  assert.match(stdout, /0 of 2 endpoints of app take new requests/);
});

test("a drained endpoint stays so over a reload; a set weight ends if the configuration changes it", async (t) => {
  const {
    names: [a, b],
    answerers,
    run,
    reload,
    file,
  } = await start(t);
  run("drain", "app", a, file);
  run("weight", "app", b, "7", file);
  reload([2, 1]);
  assert.deepEqual(await answerers(4), { b: 4 });
  assert.match(run("weight", "app", b, "7", file), /has the weight 7 \(configured: 1\)/);
  assert.match(run("enable", "app", a, file), /2 of 2/);
  reload([2, 4]);
  assert.deepEqual(await answerers(), { a: 4, b: 8 });
});

test("what does not exist, and who may not, is said in a sentence", async (t) => {
  const {
    file,
    names: [a, b],
    run,
  } = await start(t, `, tokens: [{ token: ${token}, role: write }]`);
  for (const [args, message] of [
    [["drain", "web", a, file], /^There is no upstream "web"\. There is: app\.\n$/],
    [
      ["enable", "app", "127.0.0.1:1", file],
      new RegExp(`^The upstream app has no endpoint "127\\.0\\.0\\.1:1"\\. There are: http://${a}, http://${b}\\.\n$`),
    ],
    [["weight", "app", a, "2", file, "--token", "wrong-wrong-wrong"], /does not take this token/],
    [["drain", "app", a, "--admin", `unix:${join(folder, `${fileCount}.sock`)}`], /wants a token/],
  ] as const) {
    const { code, stderr } = runMillrace(args);
    assert.equal(code, 1);
    assert.match(stderr, message);
  }
  assert.match(run("drain", "app", a, file), /is draining/, "the token of the file");
});

test("waiting for a long answer gives up when told to, and the drain holds", async (t) => {
  const holding = await Origin.start((_request, response) => void response.writeHead(200).write("first"));
  t.after(() => holding.close());
  const file = join(folder, `${++fileCount}.yaml`);
  const socket = join(folder, `${fileCount}.sock`);
  writeFileSync(
    file,
    `listeners: [{ address: "127.0.0.1:0" }]\nroutes: [{ upstream: app }]\nupstreams: { app: { endpoints: ["${holding.url}"] } }\nadmin: { address: "unix:${socket}" }\n`,
  );
  const millrace = new MillraceProcess(["run", "--no-watch", file]);
  t.after(() => millrace.stop());
  const { url } = await millrace.ready();
  const answer = await fetch(url);
  const waited = runMillrace(["drain", "app", "0", file, "--timeout", "150ms"]);
  assert.equal(waited.code, 1);
  assert.match(waited.stdout, /is draining, 1 in flight; 0 of 1 endpoint of app take new requests/);
  assert.match(waited.stderr, /still has 1 in flight\. It goes on draining\./);
  assert.equal((await fetch(url)).status, 503);
  await answer.body?.cancel();
});
