/** Certificates by themselves: the command, a real CA that looks for its proofs, and curl that verifies what it gets. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { findCommand } from "../../scripts/install-packages.ts";
import { freePort } from "../support/free-port.ts";
import { MillraceProcess } from "../support/millrace-process.ts";
import { hasPebble, PebbleServer } from "../support/pebble-server.ts";
import { eventually } from "../support/signal.ts";

const options = { skip: hasPebble && findCommand("curl") !== null ? false : "pebble or curl is not installed" };
const run = promisify(execFile);

interface Scene {
  readonly pebble: PebbleServer;
  readonly folder: string;
  /** Ports that Pebble looks at. */
  readonly httpPort: number;
  readonly tlsPort: number;
}

async function build(t: TestContext): Promise<Scene> {
  const [httpPort, tlsPort] = [await freePort(), await freePort()];
  const pebble = await PebbleServer.start({ httpPort, tlsPort });
  const folder = mkdtempSync(join(tmpdir(), "millrace-acme-"));
  t.after(async () => {
    await pebble.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { pebble, folder, httpPort, tlsPort };
}

/** Starts the command with a configuration of these listeners. */
async function start(t: TestContext, { folder }: Scene, config: object): Promise<MillraceProcess> {
  const path = join(folder, `millrace-${readdirSync(folder).length}.json`);
  writeFileSync(path, JSON.stringify({ routes: [{ respond: { body: "hello\n" } }], workers: 2, ...config }));
  const millrace = new MillraceProcess(["run", path], { cwd: folder });
  t.after(() => millrace.stop());
  await millrace.ready();
  return millrace;
}

const acmeOf = ({ pebble, folder }: Scene, acme: object): object => ({
  directory: pebble.directoryUrl,
  ca: pebble.caPath,
  storage: join(folder, "acme"),
  ...acme,
});

const secure = ({ tlsPort }: { readonly tlsPort: number }, acme: object, tls: object = {}): object => ({
  name: "secure",
  address: `127.0.0.1:${tlsPort}`,
  tls: { acme, ...tls },
});

/** What curl gets from `name`, verified with the CA's root. */
async function get(scene: Scene, name: string, port = scene.tlsPort): Promise<string> {
  const root = join(scene.folder, "root.pem");
  writeFileSync(root, await scene.pebble.root());
  const { stdout } = await run("curl", [
    ...["-sS", "--max-time", "20", "--cacert", root, "--resolve", `${name}:${port}:127.0.0.1`],
    `https://${name}:${port}/`,
  ]);
  return stdout;
}

const issued = (millrace: MillraceProcess): Promise<void> =>
  eventually(
    () => millrace.stderr.includes("certificate issued"),
    () => `a certificate is issued: ${millrace.stderr}`,
  );

test(
  "a fresh proxy gets a certificate and serves HTTPS with it, also if its clients need certificates",
  options,
  async (t) => {
    const scene = await build(t);
    const acme = acmeOf(scene, { domains: ["a.example.com"], challenge: "tls-alpn-01" });
    const millrace = await start(t, scene, { listeners: [secure(scene, acme)] });
    await issued(millrace);
    assert.equal(await get(scene, "a.example.com"), "hello\n");
    await millrace.stop();
    const strictPort = scene.tlsPort;
    const strict = acmeOf(scene, { domains: ["b.example.com"], challenge: "tls-alpn-01" });
    const again = await start(t, scene, {
      listeners: [secure({ tlsPort: strictPort }, strict, { clientAuth: { ca: scene.pebble.caPath } })],
    });
    await issued(again);
    await assert.rejects(get(scene, "b.example.com"), /curl/);
  },
);

test("HTTP-01 is answered before a redirect, and tokens of others reach the endpoint", options, async (t) => {
  const scene = await build(t);
  const endpoint = createServer((request, response) => response.end(`endpoint ${request.url}`));
  await new Promise<void>((resolve) => void endpoint.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    endpoint.closeAllConnections();
    endpoint.close();
  });
  const acme = acmeOf(scene, { domains: [["a.example.com", "b.example.com"]], challenge: "http-01" });
  const millrace = await start(t, scene, {
    listeners: [{ name: "plain", address: `127.0.0.1:${scene.httpPort}` }, secure(scene, acme)],
    routes: [
      { match: { path: "/.well-known/acme-challenge/of-the-endpoint" }, upstream: "app" },
      { match: { listener: "plain" }, redirect: { to: "https://{host}{path}", status: 308 } },
      { respond: { body: "hello\n" } },
    ],
    upstreams: { app: { endpoints: [`http://127.0.0.1:${(endpoint.address() as AddressInfo).port}`] } },
  });
  await issued(millrace);
  assert.equal(await get(scene, "b.example.com"), "hello\n");
  const base = `http://127.0.0.1:${scene.httpPort}/.well-known/acme-challenge`;
  assert.equal(
    await (await fetch(`${base}/of-the-endpoint`)).text(),
    "endpoint /.well-known/acme-challenge/of-the-endpoint",
  );
  assert.equal((await fetch(`${base}/unknown`, { redirect: "manual" })).status, 308);
});

for (const challenge of ["http-01", "tls-alpn-01"])
  test(`an instance answers ${challenge} for another that shares its storage`, options, async (t) => {
    const scene = await build(t);
    const asked = acmeOf(scene, { domains: ["asked.example.com"], challenge });
    const front = await start(t, scene, {
      listeners: [{ name: "plain", address: `127.0.0.1:${scene.httpPort}` }, secure(scene, asked)],
    });
    await issued(front);
    const tlsPort = await freePort();
    const hidden = acmeOf(scene, { domains: ["hidden.example.com"], challenge });
    const other = await start(t, scene, { listeners: [secure({ tlsPort }, hidden)] });
    await issued(other);
    assert.equal(await get(scene, "hidden.example.com", tlsPort), "hello\n");
  });

test("on demand, the first handshake of a name waits for its certificate", options, async (t) => {
  const scene = await build(t);
  const gate = createServer((request, response) => {
    response.writeHead(/domain=good/.test(request.url ?? "") ? 200 : 404).end();
  });
  await new Promise<void>((resolve) => void gate.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    gate.closeAllConnections();
    gate.close();
  });
  const ask = `http://127.0.0.1:${(gate.address() as AddressInfo).port}/`;
  const acme = acmeOf(scene, { challenge: "tls-alpn-01", onDemand: { ask } });
  await start(t, scene, { listeners: [secure(scene, acme)] });
  const bodies = await Promise.all([get(scene, "good.example.com"), get(scene, "good.example.com")]);
  assert.deepEqual(bodies, ["hello\n", "hello\n"]);
  await assert.rejects(get(scene, "bad.example.com"));
});

test("a name and its wildcard are proven by a command that makes records", options, async (t) => {
  const scene = await build(t);
  const { pebble, folder } = scene;
  const hook = join(folder, "hook.mjs");
  writeFileSync(
    hook,
    `const [action, record, value] = process.argv.slice(2);
if (record !== process.env.MILLRACE_RECORD) process.exit(1);
const url = action === "add" ? ${JSON.stringify(pebble.namesUrl("set-txt"))} : ${JSON.stringify(pebble.namesUrl("clear-txt"))};
const answer = await fetch(url, { method: "POST", body: JSON.stringify({ host: record + ".", value }) });
process.exitCode = answer.ok ? 0 : 1;
`,
  );
  const dns = { hook: [process.execPath, hook], wait: "10s", resolvers: [pebble.dnsAddress] };
  const domains = [["example.com", "*.example.com"]];
  const acme = acmeOf(scene, { domains, challenge: "dns-01", dns });
  const millrace = await start(t, scene, { listeners: [secure(scene, acme)] });
  await issued(millrace);
  assert.equal(await get(scene, "example.com"), "hello\n");
  assert.equal(await get(scene, "www.example.com"), "hello\n");
});

test("records are made by a function of the configuration, too", options, async (t) => {
  const scene = await build(t);
  const { pebble, folder } = scene;
  const acme = acmeOf(scene, { domains: ["*.example.com"], challenge: "dns-01" });
  const listener = secure(scene, { ...acme, dns: { wait: "10s", resolvers: [pebble.dnsAddress] } });
  const path = join(folder, "millrace.config.ts");
  writeFileSync(
    path,
    `const listener = ${JSON.stringify(listener)};
const hook = async ({ action, record, value }: { action: string; record: string; value: string }): Promise<void> => {
  const url = action === "add" ? ${JSON.stringify(pebble.namesUrl("set-txt"))} : ${JSON.stringify(pebble.namesUrl("clear-txt"))};
  await fetch(url, { method: "POST", body: JSON.stringify({ host: record + ".", value }) });
};
Object.assign(listener.tls.acme.dns, { hook });
export default { listeners: [listener], routes: [{ respond: { body: "hello\\n" } }], workers: 1 };
`,
  );
  const millrace = new MillraceProcess(["run", path], { cwd: folder });
  t.after(() => millrace.stop());
  await millrace.ready();
  await issued(millrace);
  assert.equal(await get(scene, "www.example.com"), "hello\n");
});

test("a CA that is away keeps no start waiting, and what it says of a failure is logged", options, async (t) => {
  const scene = await build(t);
  const acme = acmeOf(scene, { domains: ["a.example.com"], directory: "https://127.0.0.1:1/dir" });
  const away = await start(t, scene, { listeners: [secure(scene, acme)] });
  await eventually(
    () => /no certificate could be issued.*127\.0\.0\.1:1/.test(away.stderr),
    () => `it is said: ${away.stderr}`,
  );
  await assert.rejects(get(scene, "a.example.com"));
  await away.stop();
  const nobody = acmeOf(scene, { domains: ["b.example.com"], challenge: "http-01" });
  const millrace = await start(t, scene, { listeners: [secure(scene, nobody)] });
  await eventually(
    () => /no certificate could be issued.*b\.example\.com is invalid/.test(millrace.stderr),
    () => `it is said: ${millrace.stderr}`,
  );
});

test("a file of authorities that is none refuses the configuration", options, async (t) => {
  const scene = await build(t);
  const path = join(scene.folder, "empty.pem");
  writeFileSync(path, "nothing\n");
  const acme = acmeOf(scene, { domains: ["a.example.com"], ca: path });
  await assert.rejects(start(t, scene, { listeners: [secure(scene, acme)] }), /empty\.pem|ended/);
});
