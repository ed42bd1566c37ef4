/** Real clients against a real origin: curl, h2load, Node's fetch, Python's urllib. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { sharedHarness } from "../support/harness.ts";
import type { ProxyUnderTest } from "../support/proxy-under-test.ts";

const run = promisify(execFile);
const has = (command: string): boolean => spawnSync(command, ["--version"], { stdio: "ignore" }).error === undefined;
const unless = (command: string): { skip: string | false } => ({
  skip: has(command) ? false : `${command} is not installed`,
});

const big = Buffer.alloc(3_000_000, "the quick brown fox ");
const hash = (bytes: Buffer | string): string => createHash("sha256").update(bytes).digest("hex");

const harness = sharedHarness();
let proxy: ProxyUnderTest;
let folder: string;

before(async () => {
  folder = await harness.folder();
  await writeFile(join(folder, "big"), big);
  const origin = await harness.origin((request, response) => {
    const url = new URL(request.url ?? "/", "http://origin");
    if (url.pathname === "/big") {
      response.setHeader("content-length", big.length);
      response.end(big);
    } else if (url.pathname === "/chunked") {
      for (let at = 0; at < big.length; at += 100_000) response.write(big.subarray(at, at + 100_000));
      response.end();
    } else if (url.pathname === "/cookies") {
      response.setHeader("set-cookie", ["a=1", "b=2"]);
      response.end("cookies");
    } else if (url.pathname === "/nothing") {
      response.statusCode = 204;
      response.end();
    } else if (url.pathname === "/redirect") {
      response.writeHead(302, { location: "/hello" }).end();
    } else {
      const digest = createHash("sha256");
      let length = 0;
      request.on("data", (chunk: Buffer) => {
        digest.update(chunk);
        length += chunk.length;
      });
      request.on("end", () =>
        response.end(`${request.method ?? ""} ${length} ${digest.digest("hex")} ${request.httpVersion}`),
      );
    }
  });
  proxy = await harness.proxy({ endpoints: [origin.url] });
});

after(async () => {
  const [log] = await harness.end();
  assert.deepEqual(
    log!.filter(({ status }) => typeof status !== "number" || status >= 500),
    [],
  );
});

const curl = async (...args: string[]): Promise<string> =>
  (await run("curl", ["-sS", "--max-time", "60", ...args], { encoding: "latin1", maxBuffer: 1e8 })).stdout;

describe("curl", unless("curl"), () => {
  test("a download is whole", async () => {
    assert.equal(hash(await curl(`${proxy.url}/big`)), hash(big));
    assert.equal(hash(await curl(`${proxy.url}/chunked`)), hash(big));
  });
  test("with --http1.0 a chunked origin's download is whole, and ends with the connection", async () => {
    assert.equal(hash(await curl("--http1.0", `${proxy.url}/chunked`)), hash(big));
    assert.equal(hash(await curl("--http1.0", `${proxy.url}/big`)), hash(big));
  });
  test("-T uploads, with and without a length", async () => {
    assert.equal(await curl("-T", join(folder, "big"), `${proxy.url}/up`), `PUT ${big.length} ${hash(big)} 1.1`);
    assert.equal(
      await curl("-H", "Transfer-Encoding: chunked", "-T", join(folder, "big"), `${proxy.url}/up`),
      `PUT ${big.length} ${hash(big)} 1.1`,
    );
  });
  test("Expect: 100-continue is answered without the wait that curl grants", async () => {
    assert.equal(
      await curl(
        "-H",
        "Expect: 100-continue",
        "--expect100-timeout",
        "50",
        "--data-binary",
        `@${join(folder, "big")}`,
        `${proxy.url}/up`,
      ),
      `POST ${big.length} ${hash(big)} 1.1`,
    );
  });
  test("several requests share a connection", async () => {
    assert.equal(
      await curl("-w", " %{num_connects}\n", `${proxy.url}/a`, `${proxy.url}/b`).then((text) =>
        text
          .split("\n")
          .map((line) => line.split(" ").at(-1))
          .join(),
      ),
      "1,0,",
    );
  });
  test("HEAD, 204, redirects and repeated fields are as the origin sent them", async () => {
    assert.match(
      await curl("-I", `${proxy.url}/big`),
      new RegExp(`^HTTP/1\\.1 200 OK\\r\\n(?:.*\\r\\n)*content-length: ${big.length}\\r\\n`, "i"),
    );
    assert.match(await curl("-i", `${proxy.url}/nothing`), /^HTTP\/1\.1 204 No Content\r\n/);
    assert.match(await curl("-L", `${proxy.url}/redirect`), /^GET 0 /);
    assert.match(await curl("-i", `${proxy.url}/cookies`), /set-cookie: a=1\r\nset-cookie: b=2\r\n/i);
  });
});

test("Node's fetch downloads, uploads a stream, and aborts", async () => {
  assert.equal(hash(Buffer.from(await (await fetch(`${proxy.url}/chunked`)).arrayBuffer())), hash(big));
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < big.length; at += 50_000) controller.enqueue(big.subarray(at, at + 50_000));
      controller.close();
    },
  });
  const uploaded = await fetch(`${proxy.url}/up`, { method: "POST", body: stream, duplex: "half" } as RequestInit);
  assert.equal(await uploaded.text(), `POST ${big.length} ${hash(big)} 1.1`);
  const abort = new AbortController();
  const response = await fetch(`${proxy.url}/big`, { signal: abort.signal });
  abort.abort();
  await assert.rejects(response.arrayBuffer());
});

test("h2load over HTTP/1.1 sees only 2xx", unless("h2load"), async () => {
  const { stdout } = await run("h2load", ["--h1", "-n", "2000", "-c", "20", "-t", "1", `${proxy.url}/hello`]);
  assert.match(stdout, /2000 succeeded, 0 failed, 0 errored, 0 timeout/);
  assert.match(stdout, /status codes: 2000 2xx/);
});

test("h2load over HTTP/1.1 with pipelined requests sees only 2xx", unless("h2load"), async () => {
  const { stdout } = await run("h2load", [
    "--h1",
    "-n",
    "2000",
    "-c",
    "5",
    "-m",
    "10",
    "-t",
    "1",
    `${proxy.url}/hello`,
  ]);
  assert.match(stdout, /2000 succeeded, 0 failed, 0 errored, 0 timeout/);
});

test("Python's urllib downloads, uploads and reads errors", unless("python3"), async () => {
  const program = `
import hashlib, sys, urllib.request
url = sys.argv[1]
body = urllib.request.urlopen(url + "/chunked").read()
print(hashlib.sha256(body).hexdigest())
print(urllib.request.urlopen(urllib.request.Request(url + "/up", data=body, method="PUT")).read().decode())
print(urllib.request.urlopen(url + "/redirect").status)
`;
  const { stdout } = await run("python3", ["-c", program, proxy.url], { env: { ...process.env, no_proxy: "*" } });
  assert.deepEqual(stdout.trim().split("\n"), [hash(big), `PUT ${big.length} ${hash(big)} 1.1`, "200"]);
});
