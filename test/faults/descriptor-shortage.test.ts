/**
 * When clients hold nearly all descriptors that the process may have: further ones are turned away, counted and told
 * of, the admin listener answers, and it is over when they are gone.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { MetricsPage } from "../support/metrics-page.ts";
import { command, MillraceProcess } from "../support/millrace-process.ts";
import { Origin } from "../support/origin.ts";
import { eventually } from "../support/signal.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-short-"));
const origin = await Origin.start((_incoming, outgoing) => outgoing.end("fine"));
after(async () => {
  await origin.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The status of an answer. */
function ask(agent: Agent, url: string, method: string, body = ""): Promise<number> {
  return new Promise((resolve, reject) => {
    request(url, { agent, method }, (answer) => answer.resume().on("end", () => resolve(answer.statusCode!)))
      .on("error", reject)
      .end(body);
  });
}

for (const [title, workers] of [
  ["inline", 0],
  ["with two threads", 2],
] as const) {
  test(`descriptors run short and come back, ${title}`, {
    skip: process.platform !== "linux" && "limits are read as Linux tells them",
  }, async (t) => {
    const file = join(folder, `${workers}.json`);
    writeFileSync(
      file,
      JSON.stringify({
        workers,
        listeners: [{ name: "main", address: "127.0.0.1:0" }],
        admin: { address: "127.0.0.1:0" },
        routes: [{ upstream: "app" }],
        upstreams: { app: { endpoints: [origin.url] } },
        log: { stats: "0s" },
      }),
    );
    const millrace = new MillraceProcess(["-c", `ulimit -n 160; exec "$0" "$@"`, command, "run", "--no-watch", file], {
      executable: "/bin/sh",
    });
    t.after(() => millrace.stop());
    const { url, admin } = await millrace.ready();
    const port = Number(new URL(url).port);
    const open: Socket[] = [];
    t.after(() => open.forEach((socket) => socket.destroy()));
    let closed = 0;
    for (let count = 0; count < 200; count++)
      open.push(
        connect(port, "127.0.0.1")
          .on("error", () => {})
          .on("close", () => closed++)
          .resume(),
      );
    await eventually(
      async () =>
        (await MetricsPage.of(admin!)).sum("millrace_connections_refused_total", {
          listener: "main",
          reason: "descriptors",
        }) > 0,
      "connections are turned away",
    );
    await eventually(
      async () =>
        (await MetricsPage.of(admin!)).sum("millrace_connections_refused_total") +
          (await MetricsPage.of(admin!)).sum("millrace_connections") ===
        200,
      "every one is kept or turned away",
    );
    const refused = (await MetricsPage.of(admin!)).sum("millrace_connections_refused_total");
    await eventually(() => closed === refused, "nobody is left hanging");
    assert.equal((await fetch(`${admin}/livez`)).status, 200);
    const line = await millrace.logged(/^turning connections away/);
    assert.deepEqual([line.level, line["listener"], line["errno"]], ["warn", "main", "EMFILE"]);
    // Those that are kept are served: there are descriptors for endpoints.
    const kept = open.find((socket) => !socket.destroyed)!;
    const answered = new Promise((resolve) => kept.once("data", (bytes: Buffer) => resolve(String(bytes))));
    kept.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert.match(String(await answered), /^HTTP\/1\.1 200 /);
    for (const socket of open) socket.destroy();
    await eventually(async () => (await MetricsPage.of(admin!)).sum("millrace_connections") === 0, "they are gone");
    assert.equal(await (await fetch(url)).text(), "fine");
    assert.doesNotMatch(millrace.stderr, /internal error|died/);
  });
}

for (const [title, workers] of [
  ["inline", 0],
  ["with two threads", 2],
] as const) {
  test(`bodies in files leave descriptors to other things, and are told of in few lines, ${title}`, {
    skip: process.platform !== "linux" && "limits are read as Linux tells them",
  }, async (t) => {
    const file = join(folder, `files-${workers}.json`);
    writeFileSync(
      file,
      JSON.stringify({
        workers,
        listeners: [{ name: "main", address: "127.0.0.1:0" }],
        admin: { address: "127.0.0.1:0" },
        routes: [
          { match: { path: "/files" }, middlewares: [{ buffer: { memoryBytes: "1KiB" } }], upstream: "app" },
          { upstream: "app" },
        ],
        upstreams: { app: { endpoints: [origin.url] } },
        log: { stats: "0s" },
      }),
    );
    const millrace = new MillraceProcess(["-c", `ulimit -n 120; exec "$0" "$@"`, command, "run", "--no-watch", file], {
      executable: "/bin/sh",
    });
    t.after(() => millrace.stop());
    const { url, admin } = await millrace.ready();
    // A connection of one who was there before.
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    assert.equal(await ask(agent, url, "GET"), 200);
    const open: Socket[] = [];
    const answers: string[] = [];
    t.after(() => open.forEach((socket) => socket.destroy()));
    for (let count = 0; count < 120; count++) {
      open.push(
        connect(Number(new URL(url).port), "127.0.0.1")
          .on("error", () => {})
          .on("data", (bytes: Buffer) => answers.push(String(bytes).slice(0, 12))),
      );
    }
    const seen = async (): Promise<number> => {
      const page = await MetricsPage.of(admin!);
      return page.sum("millrace_connections_refused_total") + page.sum("millrace_connections");
    };
    await eventually(async () => (await seen()) === 121, "every one is kept or turned away");
    // Those that are kept have all that clients get: each body needs a file beside.
    for (const socket of open)
      socket.write(`PUT /files HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n${"x".repeat(100_000)}`);
    const line = await millrace.logged(/^a request body cannot be buffered$/);
    assert.deepEqual([line.level, line["route"], line["errno"]], ["warn", "route-1", "EMFILE"]);
    await eventually(() => answers.length > 0, "some are answered");
    assert.deepEqual([...new Set(answers)], ["HTTP/1.1 503"]);
    assert.equal((await fetch(`${admin}/livez`)).status, 200);
    assert.equal(await ask(agent, url, "GET"), 200, "there are descriptors for endpoints");
    assert.ok(millrace.log.filter(({ message }) => message === line.message).length < 4);
    for (const socket of open) socket.destroy();
    await eventually(async () => (await MetricsPage.of(admin!)).sum("millrace_connections") <= 1, "they are gone");
    assert.equal(await ask(agent, `${url}/files`, "PUT", "x".repeat(100_000)), 200);
  });
}
