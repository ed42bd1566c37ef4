/** Every file in `examples/` does what it says. The ports that the configurations name are replaced by free ones. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { Origin } from "./support/origin.ts";
import { MillraceProcess, root } from "./support/millrace-process.ts";

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "millrace-examples-"));

/** Answers to `/held` wait for one another: until three of them are under way. */
const held: (() => void)[] = [];

/** Services on the ports 3000, 3001 and 3002 of the examples: each says its port and what it received. */
const services = await Promise.all(
  ["3000", "3001", "3002"].map(async (port) => ({
    port,
    origin: await Origin.start((incoming, outgoing) => {
      outgoing.setHeader("x-powered-by", "example").setHeader("content-type", "application/json");
      const answer = (): void =>
        void outgoing.end(JSON.stringify({ port, url: incoming.url, headers: incoming.headers }));
      if (incoming.url === "/broken" && port === "3001") incoming.socket.destroy();
      else if (incoming.url !== "/held") answer();
      else if (held.push(answer) === 3) for (const release of held.splice(0)) release();
    }),
  })),
);
after(async () => {
  await Promise.all(services.map(({ origin }) => origin.close()));
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly text: string;
  /** The service that answered, and what it received. */
  readonly seen: { port?: string; url?: string; headers?: Record<string, string> };
}

/** Starts the configuration `name`; what it gives is a way to ask. */
async function start(t: TestContext, name: string) {
  const file = join(folder, name);
  let text = readFileSync(join(root, "examples", name), "utf8")
    .replace('":8080"', '"127.0.0.1:0"')
    .replace("127.0.0.1:9901", "127.0.0.1:0");
  for (const { port, origin } of services) text = text.replaceAll(`http://localhost:${port}`, origin.url);
  writeFileSync(file, text.replace("workers: auto", "workers: 1").replace("delay: 5s", "delay: 0s"));
  const millrace = new MillraceProcess(["run", "--no-watch", file], {
    env: { ACCESS_LOG: join(folder, `${name}.log`) },
  });
  t.after(() => millrace.stop());
  const { url, admin } = await millrace.ready();
  return { millrace, admin, ask: (path: string, headers: Record<string, string> = {}) => ask(url, path, headers) };
}

function ask(base: string, path: string, headers: Record<string, string>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(base + path, { headers, agent: false }, async (response) => {
      let text = "";
      for await (const chunk of response.setEncoding("utf8")) text += chunk as string;
      const seen = text.startsWith("{") ? (JSON.parse(text) as Answer["seen"]) : {};
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text, seen });
    });
    call.on("error", reject).end();
  });
}

test("minimal.yaml: everything goes to one service", async (t) => {
  const { ask, millrace } = await start(t, "minimal.yaml");
  const answer = await ask("/any?thing=1");
  assert.deepEqual([answer.status, answer.seen.port, answer.seen.url], [200, "3000", "/any?thing=1"]);
  millrace.signal("SIGTERM");
  assert.equal((await millrace.ended).code, 0);
});

test("balanced.yaml: the endpoints share the traffic, the backup has none of it", async (t) => {
  const { ask } = await start(t, "balanced.yaml");
  const answers = await Promise.all(["/held", "/held", "/held"].map((path) => ask(path)));
  assert.deepEqual(answers.map((answer) => answer.seen.port).sort(), ["3000", "3000", "3001"]);
});

test("sticky.yaml: a client stays where it began", async (t) => {
  const { ask } = await start(t, "sticky.yaml");
  const first = await ask("/");
  const [cookie = ""] = String(first.headers["set-cookie"]).split(";");
  assert.match(cookie, /^shop-node=/);
  for (let visit = 0; visit < 5; visit++) assert.equal((await ask("/", { cookie })).seen.port, first.seen.port);
});

test("several-services.yaml: host, path and client decide", async (t) => {
  const { ask } = await start(t, "several-services.yaml");
  const api = await ask("/api/orders?id=1");
  assert.deepEqual(
    [api.seen.port, api.seen.url, api.seen.headers?.["x-service"], api.seen.headers?.["x-forwarded-prefix"]],
    ["3001", "/orders?id=1", "api", "/api"],
  );
  assert.equal(api.headers["x-powered-by"], undefined);
  assert.equal((await ask("/", { host: "admin.example.com" })).seen.port, "3002");
  const redirect = await ask("/a/b?c=d", { host: "www.example.com" });
  assert.deepEqual([redirect.status, redirect.headers["location"]], [308, "https://example.com/a/b?c=d"]);
  const ping = await ask("/ping");
  assert.deepEqual([ping.status, ping.text], [200, "pong\n"]);
  assert.equal((await ask("/elsewhere")).seen.port, "3000");
});

test("canary.yaml: a header or a cookie leads to the new version", async (t) => {
  const { ask } = await start(t, "canary.yaml");
  assert.equal((await ask("/")).seen.port, "3000");
  assert.equal((await ask("/", { "x-canary": "1" })).seen.port, "3001");
  assert.equal((await ask("/", { cookie: "a=b; canary=1" })).seen.port, "3001");
  assert.equal((await ask("/", { cookie: "canary=0" })).seen.port, "3000");
});

test("rate-limited.yaml: a burst passes, the rest is refused", async (t) => {
  const { ask } = await start(t, "rate-limited.yaml");
  // More come free while they are asked for, at 20 a second.
  const answers = await Promise.all(Array.from({ length: 60 }, () => ask("/api/x", { "x-api-key": "a" })));
  const counts = Map.groupBy(answers, ({ status }) => status);
  assert.deepEqual([...counts.keys()].toSorted(), [200, 429]);
  assert.ok(counts.get(200)!.length >= 3, `${counts.get(200)!.length} passed`);
  assert.equal((await ask("/")).status, 200);
});

test("compressed.yaml: answers are compressed, but for pages with secrets", async (t) => {
  const { ask } = await start(t, "compressed.yaml");
  const accepted = { "accept-encoding": "gzip, br", "x-long": "x".repeat(200) };
  assert.equal((await ask("/", accepted)).headers["content-encoding"], "br");
  assert.equal((await ask("/account/x", accepted)).headers["content-encoding"], undefined);
});

test("production.yaml: forwarding fields of the load balancer are believed, logs and metrics are there", async (t) => {
  const { ask, admin, millrace } = await start(t, "production.yaml");
  const answer = await ask("/", { "x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https" });
  assert.match(answer.seen.headers?.["x-forwarded-for"] ?? "", /^203\.0\.113\.7, /);
  assert.equal(answer.seen.headers?.["x-forwarded-proto"], "https");
  assert.match(await (await fetch(`${admin}/metrics`)).text(), /^millrace_requests_total\{/m);
  assert.equal((await fetch(`${admin}/readyz`)).status, 200);
  millrace.signal("SIGTERM");
  assert.equal((await millrace.ended).code, 0);
  const line = JSON.parse(readFileSync(join(folder, "production.yaml.log"), "utf8").split("\n")[0] ?? "") as Record<
    string,
    unknown
  >;
  assert.equal(line["clientIp"], "203.0.113.7");
});

test("resilient.yaml: clients do not notice that one of three breaks, and it is sent nothing more", async (t) => {
  const { ask, admin } = await start(t, "resilient.yaml");
  for (let count = 0; count < 30; count++) {
    const answer = await ask("/broken");
    assert.equal(answer.status, 200);
    assert.notEqual(answer.seen.port, "3001");
  }
  assert.match(await (await fetch(`${admin}/metrics`)).text(), /^millrace_ejections_total\{.*\} [1-9]/m);
});

test("millrace.config.ts: routes computed in TypeScript", async (t) => {
  const millrace = new MillraceProcess(["run", "--no-watch", "examples/millrace.config.ts"], {
    env: { ADDRESS: "127.0.0.1:0", INSTANCES: services.map(({ origin }) => origin.url).join(",") },
  });
  t.after(() => millrace.stop());
  const { url } = await millrace.ready();
  const orders = await ask(url, "/orders/1", {});
  assert.deepEqual([orders.status, orders.seen.headers?.["x-service"]], [200, "orders"]);
  const other = await ask(url, "/other", {});
  assert.deepEqual([other.status, other.text], [404, "There are orders and invoices.\n"]);
});

test("embedded.ts: a proxy inside a program", async () => {
  const { stdout, stderr } = await run(process.execPath, [join(root, "examples/embedded.ts")]);
  assert.equal(stderr, "");
  assert.equal(
    stdout,
    "/orders/1: 200 orders got GET /1\n/invoices/1: 200 invoices got GET /invoices/1\n/: 404 Try /orders/1 or /invoices/1.\n",
  );
});

test("blue-green.ts: a switch under traffic that nobody notices", async () => {
  const { stdout, stderr } = await run(process.execPath, [join(root, "examples/blue-green.ts")]);
  assert.equal(stderr, "");
  assert.equal(stdout, "blue answered: true, green answered: true, failed: 0\n");
});

test("every example has a test", () => {
  const tests = readFileSync(import.meta.filename, "utf8");
  const untested = readdirSync(join(root, "examples")).filter(
    (name) => name !== "README.md" && !tests.includes(`"${name}:`) && !tests.includes(`test("${name}`),
  );
  assert.deepEqual(untested, []);
});
