/**
 * What the log of a serving process says of endpoints that fail: one line at once, then one every few seconds, and one
 * when they answer again.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { freePort } from "../support/free-port.ts";
import { MillraceProcess } from "../support/millrace-process.ts";
import { eventually } from "../support/signal.ts";

let fileCount = 0;
const folder = mkdtempSync(join(tmpdir(), "millrace-failing-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function runConfig(t: TestContext, text: string): MillraceProcess {
  const file = join(folder, `${++fileCount}.yaml`);
  writeFileSync(file, text);
  const millrace = new MillraceProcess(["run", "--no-watch", file]);
  t.after(() => millrace.stop());
  return millrace;
}

/** The status of the answer to a GET. */
function ask(agent: Agent, url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (answer) => answer.resume().on("end", () => resolve(answer.statusCode!))).on("error", reject);
  });
}

for (const workers of ["0", "2"]) {
  test(`a dead endpoint has few lines, with the error and how often, and one when it is back, with ${workers} threads`, async (t) => {
    const port = await freePort();
    const endpoint = `http://127.0.0.1:${port}`;
    const millrace = new MillraceProcess([
      "proxy",
      "--workers",
      workers,
      "--stats",
      "0s",
      "--listen",
      "127.0.0.1:0",
      endpoint,
    ]);
    t.after(() => millrace.stop());
    const { url } = await millrace.ready();
    for (let count = 0; count < 50; count++) assert.equal((await fetch(url)).status, 502);
    const { level, upstream, endpoint: named, reason, errno, count } = await millrace.logged(/^endpoint fails$/);
    assert.deepEqual(
      [level, named, reason, errno, count],
      ["warn", endpoint, "UPSTREAM_CONNECT_FAILED", "ECONNREFUSED", 1],
    );
    assert.equal(typeof upstream, "string");
    const server = createServer((_, response) => response.end("ok")).listen(port, "127.0.0.1");
    t.after(() => server.close());
    await once(server, "listening");
    for (let at = 0; at < 20; at++) await (await fetch(url)).text();
    const { level: good, failures } = await millrace.logged(/^endpoint answers again$/);
    assert.deepEqual([good, failures], ["info", 50]);
    const counts = millrace.log
      .filter((line) => line.message === "endpoint fails")
      .map((line) => Number(line["count"]));
    assert.equal(
      counts.reduce((sum, one) => sum + one, 0),
      50,
    );
    assert.ok(counts.length < 10, `${counts.length} lines for 50 failures`);
  });
}

test("an endpoint is said to answer again although another thread saw that it failed", async (t) => {
  const port = await freePort();
  const names = Array.from({ length: 10 }, (_, index) => `u${index}`);
  const millrace = runConfig(
    t,
    `
workers: 2
log: { stats: 0s }
listeners: [{ address: "127.0.0.1:0" }]
routes:
${names.map((name) => `  - { match: { path: /${name} }, upstream: ${name} }`).join("\n")}
upstreams:
${names.map((name) => `  ${name}: { endpoints: ["http://127.0.0.1:${port}"] }`).join("\n")}
`,
  );
  const { url } = await millrace.ready();
  // One connection, so one thread, sees every upstream fail.
  const seer = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => seer.destroy());
  for (const name of names) assert.equal(await ask(seer, `${url}/${name}`), 502);
  const server = createServer((_, response) => response.end("ok")).listen(port, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  // Each works again on a connection of its own: about half of these are of the other thread.
  const agents = names.map(() => new Agent({ keepAlive: true, maxSockets: 1 }));
  t.after(() => agents.forEach((agent) => agent.destroy()));
  const recovered = (): Set<unknown> =>
    new Set(millrace.log.filter(({ message }) => message === "endpoint answers again").map((line) => line["upstream"]));
  await eventually(
    async () => {
      for (const [index, name] of names.entries()) assert.equal(await ask(agents[index]!, `${url}/${name}`), 200);
      return recovered().size === names.length;
    },
    () => `all have recovered, not ${[...recovered()].join(" ")}`,
  );
});

for (const workers of [0, 2]) {
  test(`a shortage of local ports has a line, and one when connections can be opened again, with ${workers} threads`, async (t) => {
    const origin = createServer((_request, response) => response.end("ok")).listen(0, "127.0.0.1");
    t.after(() => origin.close());
    await once(origin, "listening");
    const short = join(folder, `short-${workers}`);
    const preload = join(folder, `preload-${workers}.cjs`);
    writeFileSync(short, "");
    writeFileSync(
      preload,
      `const { Socket } = require("node:net");
const { existsSync } = require("node:fs");
const connect = Socket.prototype.connect;
Socket.prototype.connect = function (...target) {
  if (this.constructor.name !== "DialledSocket" || !existsSync(${JSON.stringify(short)})) return connect.apply(this, target);
  process.nextTick(() => this.destroy(Object.assign(new Error("connect"), { code: "EADDRNOTAVAIL" })));
  return this;
};
`,
    );
    const endpoint = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
    const millrace = new MillraceProcess(
      ["proxy", "--workers", String(workers), "--stats", "0s", "--listen", "127.0.0.1:0", endpoint],
      { env: { NODE_OPTIONS: `--require=${preload}`, MILLRACE_PLAIN_SOCKETS: "1" } },
    );
    t.after(() => millrace.stop());
    const { url } = await millrace.ready();
    const agent = (): Agent => new Agent({ keepAlive: false });
    for (let count = 0; count < 20; count++) assert.equal(await ask(agent(), url), 503);
    const warning = await millrace.logged(/^connections to endpoints cannot be opened$/);
    assert.deepEqual(
      [warning["endpoint"], warning["reason"], warning["errno"]],
      [endpoint, "NO_LOCAL_ADDRESS", "EADDRNOTAVAIL"],
    );
    rmSync(short);
    for (let count = 0; count < 20; count++) assert.equal(await ask(agent(), url), 200);
    const {
      level,
      endpoint: about,
      failures,
    } = await millrace.logged(/^connections to endpoints can be opened again$/);
    assert.deepEqual([level, about, failures], ["info", endpoint, 20]);
  });
}
