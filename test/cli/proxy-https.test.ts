/** `millrace proxy NAME ENDPOINT`: HTTPS by itself, with the local authority and with one that is asked by ACME. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { freePort } from "../support/free-port.ts";
import { MillraceProcess } from "../support/millrace-process.ts";
import { hasPebble, PebbleServer } from "../support/pebble-server.ts";
import { eventually } from "../support/signal.ts";

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-https-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A service to put HTTPS in front of. */
async function startService(t: TestContext): Promise<string> {
  const server: Server = createServer((request, response) =>
    response.end(String(request.headers["x-forwarded-proto"])),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Answer {
  readonly status: number | undefined;
  readonly location: string | undefined;
  readonly text: string;
}

function ask(port: number, host: string, ca: string | null): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const common = { port, host: "127.0.0.1", agent: false as const, headers: { host } };
    const asked = ca === null ? requestHttp(common) : requestHttps({ ...common, ca, servername: host });
    asked.on("error", reject);
    asked.on("response", (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode, location: answer.headers.location, text }));
    });
    asked.end();
  });
}

function start(t: TestContext, args: readonly string[], env: Record<string, string> = {}): MillraceProcess {
  const process = new MillraceProcess(["proxy", "--stats", "0s", "--workers", "1", ...args], { env });
  t.after(() => process.stop());
  return process;
}

test("a local name is served with a certificate of the local authority, and plain HTTP leads there", async (t) => {
  const folder = await folderOf(t);
  const endpoint = await startService(t);
  const [tls, plain] = [await freePort(), await freePort()];
  const proxy = start(
    t,
    ["--listen", `127.0.0.1:${tls}`, "--redirect", `127.0.0.1:${plain}`, "localhost", "app.test", endpoint],
    { MILLRACE_CA_FOLDER: folder },
  );
  const ready = await proxy.logged(/^ready$/);
  assert.equal(ready["sites"], `https://localhost:${tls}, https://app.test:${tls}`);
  const { certPem } = JSON.parse(await readFile(join(folder, "root.json"), "utf8")) as { certPem: string };
  for (const name of ["localhost", "app.test"])
    assert.deepEqual(await ask(tls, name, certPem), { status: 200, location: undefined, text: "https" });
  const { status, location } = await ask(plain, "app.test", null);
  assert.deepEqual([status, location], [301, `https://app.test:${tls}/`]);
});

test("a public name gets its certificate by itself", { skip: !hasPebble }, async (t) => {
  const folder = await folderOf(t);
  const endpoint = await startService(t);
  const pebble = await PebbleServer.start();
  t.after(() => pebble.close());
  const proxy = start(t, [
    ...["--listen", `127.0.0.1:${pebble.tlsPort}`, "--redirect", `127.0.0.1:${pebble.httpPort}`],
    ...["--acme-directory", pebble.directoryUrl, "--acme-ca", pebble.caPath, "--acme-storage", folder],
    ...["--email", "me@example.com", "www.example.com", endpoint],
  ]);
  await proxy.logged(/^ready$/);
  const root = await pebble.root();
  let last: unknown = null;
  await eventually(
    async () => {
      const answer = await ask(pebble.tlsPort, "www.example.com", root).catch((error: unknown) => (last = error));
      return (answer as Partial<Answer>).text === "https";
    },
    () => `it has a certificate: ${String(last)}\n${proxy.stderr}`,
  );
  const { status } = await ask(pebble.httpPort, "www.example.com", null);
  assert.equal(status, 301);
});
