/** A serving process: ready, signals, statistics, and the way out. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startBackend } from "../../src/cli/demo/backend.ts";
import { MillraceProcess } from "../support/millrace-process.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-lifetime-"));
const backends = await Promise.all(["one", "two"].map(startBackend));
const endpoints = backends.map((backend) => `http://127.0.0.1:${backend.port}`);
after(async () => {
  await Promise.all(backends.map((backend) => backend.close()));
  rmSync(folder, { recursive: true, force: true });
});

for (const workers of ["0", "2"]) {
  test(`proxy balances over its endpoints and stops on SIGTERM, with ${workers} threads`, async (t) => {
    const millrace = new MillraceProcess([
      "proxy",
      "--workers",
      workers,
      "--listen",
      "127.0.0.1:0",
      "--admin",
      "127.0.0.1:0",
      "--health-path",
      "/health",
      ...endpoints,
    ]);
    t.after(() => millrace.stop());
    const { url, admin } = await millrace.ready();
    const answers = new Set<string | null>();
    for (let count = 0; count < 4; count++) {
      const response = await fetch(url);
      await response.text();
      assert.equal(response.status, 200);
      answers.add(response.headers.get("x-backend"));
    }
    assert.deepEqual([...answers].sort(), ["one", "two"]);
    assert.match(await (await fetch(`${admin}/metrics`)).text(), /^millrace_requests_total\{/m);
    millrace.signal("SIGTERM");
    const ending = await millrace.ended;
    assert.deepEqual([ending.code, ending.signal], [0, null], ending.stderr);
    assert.deepEqual(
      millrace.log.filter((line) => line.level === "error" || line.level === "warn"),
      [],
    );
  });
}

/** A request to `/slow`, and a promise for when the backend has it. */
async function startSlowRequest(url: string, ms: number): Promise<{ answer: Promise<string> }> {
  const countBefore = backends.reduce((sum, backend) => sum + backend.requestCount, 0);
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const answer = (async () => {
    let text = "";
    for await (const chunk of socket.setEncoding("latin1")) text += chunk as string;
    return text;
  })();
  answer.catch(() => {});
  await once(socket, "connect");
  socket.write(`GET /slow?ms=${ms} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  while (backends.reduce((sum, backend) => sum + backend.requestCount, 0) === countBefore)
    await new Promise((resolve) => setTimeout(resolve, 5));
  return { answer };
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} lets a request under way end`, async (t) => {
    const millrace = new MillraceProcess(["proxy", "--workers", "2", "--listen", "127.0.0.1:0", ...endpoints]);
    t.after(() => millrace.stop());
    const { url } = await millrace.ready();
    const { answer } = await startSlowRequest(url, 700);
    millrace.signal(signal);
    await millrace.logged(/^stopping$/);
    assert.match(await answer, /^HTTP\/1\.1 200 OK[^]*took its time/);
    const ending = await millrace.ended;
    assert.equal(ending.code, 0, ending.stderr);
    await assert.rejects(fetch(url), "nobody listens any more");
  });
}

test("a second signal stops at once", async (t) => {
  const millrace = new MillraceProcess([
    "proxy",
    "--workers",
    "2",
    "--listen",
    "127.0.0.1:0",
    "--grace",
    "1h",
    ...endpoints,
  ]);
  t.after(() => millrace.stop());
  const { url } = await millrace.ready();
  const { answer } = await startSlowRequest(url, 600_000);
  millrace.signal("SIGTERM");
  await millrace.logged(/^stopping$/);
  millrace.signal("SIGTERM");
  const ending = await millrace.ended;
  assert.equal(ending.signal, null);
  assert.match(ending.stderr, /stopping at once/);
  assert.match(ending.stderr, /stopped.*cutExchanges\W+1\b.*cutTunnels\W+0\b/);
  const text = await answer.catch(() => "");
  assert.doesNotMatch(text, / 200 /);
});

test("the grace period ends a request that does not", async (t) => {
  const millrace = new MillraceProcess([
    "proxy",
    "--workers",
    "0",
    "--listen",
    "127.0.0.1:0",
    "--grace",
    "200ms",
    ...endpoints,
  ]);
  t.after(() => millrace.stop());
  const { url } = await millrace.ready();
  await startSlowRequest(url, 600_000);
  millrace.signal("SIGTERM");
  const ending = await millrace.ended;
  assert.equal(ending.code, 0, ending.stderr);
});

test("SIGUSR1 reopens the access log after rotation", async (t) => {
  const path = join(folder, "access.log");
  const millrace = new MillraceProcess([
    "proxy",
    "--workers",
    "2",
    "--listen",
    "127.0.0.1:0",
    "--access-log",
    "json",
    "--access-log-path",
    path,
    ...endpoints,
  ]);
  t.after(() => millrace.stop());
  const { url } = await millrace.ready();
  await (await fetch(`${url}/first`)).text();
  while (!readFileSync(path, "utf8").includes("/first")) await new Promise((resolve) => setTimeout(resolve, 10));
  renameSync(path, `${path}.1`);
  millrace.signal("SIGUSR1");
  await millrace.logged(/reopened the logs/);
  await (await fetch(`${url}/second`)).text();
  millrace.signal("SIGTERM");
  assert.equal((await millrace.ended).code, 0);
  assert.match(readFileSync(`${path}.1`, "utf8"), /\/first/);
  assert.match(readFileSync(path, "utf8"), /\/second/);
  assert.doesNotMatch(readFileSync(path, "utf8"), /\/first/);
});

test("statistics are written while there is traffic, as JSON if the log is JSON", async (t) => {
  const millrace = new MillraceProcess([
    "proxy",
    "--workers",
    "0",
    "--listen",
    "127.0.0.1:0",
    "--stats",
    "100ms",
    ...endpoints,
  ]);
  t.after(() => millrace.stop());
  const { url } = await millrace.ready();
  await (await fetch(url)).text();
  // An interval may end while the request is under way.
  let line = await millrace.logged(/^stats$/);
  while (line["requests"] === 0)
    line = await millrace.logged(/^stats$/, millrace.log.findLastIndex(({ message }) => message === "stats") + 1);
  const { level, requests, errors, inFlight, p99Ms } = line;
  assert.deepEqual([level, requests, errors, inFlight, typeof p99Ms], ["info", 1, 0, 0, "number"]);
  assert.ok(
    millrace.stderr.split("\n").every((line) => line === "" || line.startsWith("{")),
    "every line is JSON",
  );
});

test("an unexpected error in the control thread is logged and survived; many of them end the process in good order", async (t) => {
  const preload = join(folder, "throw-on-signal.mjs");
  writeFileSync(
    preload,
    'import { isMainThread } from "node:worker_threads";\nif (isMainThread) process.on("SIGUSR2", () => { throw new Error("out of the blue"); });\n',
  );
  const millrace = new MillraceProcess(["proxy", "--workers", "2", "--listen", "127.0.0.1:0", ...endpoints], {
    env: { NODE_OPTIONS: `--import=${preload}` },
  });
  t.after(() => millrace.stop());
  const { url } = await millrace.ready();
  millrace.signal("SIGUSR2");
  const line = await millrace.logged(/^unexpected error/);
  assert.match(String(line["error"]), /out of the blue[^]*at /);
  assert.equal((await fetch(url)).status, 200);
  for (let count = 2; count <= 11; count++) {
    millrace.signal("SIGUSR2");
    while (millrace.log.filter((entry) => entry.message.startsWith("unexpected error")).length < count)
      await millrace.logged(/^unexpected error/, millrace.log.length);
  }
  const ending = await millrace.ended;
  assert.equal(ending.code, 1, ending.stderr);
  assert.match(ending.stderr, /too many unexpected errors: stopping/);
});

test("demo answers from alternating backends and says what to try", async (t) => {
  const millrace = new MillraceProcess(["demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--workers", "2"]);
  t.after(() => millrace.stop());
  await millrace.printed(/Ctrl-C finishes/);
  const url = /proxy +(http:\S+)/.exec(millrace.stdout)?.[1] ?? "";
  const admin = /admin +(http:\S+)/.exec(millrace.stdout)?.[1] ?? "";
  const answers = new Set<string | null>();
  for (let count = 0; count < 3; count++)
    answers.add((await fetch(url.replace("localhost", "127.0.0.1"))).headers.get("x-backend"));
  assert.equal(answers.size, 3);
  assert.equal((await fetch(`${admin}/readyz`)).status, 200);
  assert.match(millrace.stderr, /\bready\b/);
  millrace.signal("SIGINT");
  assert.equal((await millrace.ended).code, 0);
});
