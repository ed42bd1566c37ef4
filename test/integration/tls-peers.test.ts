/** TLS with clients that are not Node.js: curl, and OpenSSL's own, which can do what no client should. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { type Harness, testWithHarness } from "../support/harness.ts";
import type { ProxyUnderTest } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";
import { rootFile, serverFiles, writeTlsFile } from "../support/tls-files.ts";

const head = "GET / HTTP/1.1\r\nHost: a.test\r\n";

async function start(harness: Harness): Promise<ProxyUnderTest> {
  const endpoint = await harness.endpoint({ body: "served" });
  return harness.proxy({ endpoints: [endpoint.url], listener: { tls: { certificates: [serverFiles] } } });
}

/** Runs a command until it ends. @param input what it is given, and then the end @returns all that it says */
async function run(command: string, args: readonly string[], input: string | null = ""): Promise<string> {
  const child = spawn(command, args);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (text += String(chunk)));
  child.stdin.on("error", () => {});
  if (input !== null) child.stdin.end(input);
  await new Promise((resolve, reject) => child.once("close", resolve).once("error", reject));
  return text;
}

const openssl = ({ port }: ProxyUnderTest, args: readonly string[], input: string | null): Promise<string> =>
  run(
    "openssl",
    ["s_client", "-connect", `127.0.0.1:${port}`, "-servername", "a.test", "-CAfile", rootFile, "-ign_eof", ...args],
    input,
  );

const full = async (proxy: ProxyUnderTest): Promise<number> =>
  (await proxy.metrics()).sum("millrace_tls_handshakes_total", { result: "full" });

testWithHarness("curl is served, in every version, twice by one connection", async (harness) => {
  const proxy = await start(harness);
  const url = `https://a.test:${proxy.port}/`;
  for (const version of [["--tls-max", "1.2"], ["--tlsv1.3"], ["--http1.0"]]) {
    const args = ["-sS", ...version, "--cacert", rootFile, "--resolve", `a.test:${proxy.port}:127.0.0.1`];
    const twice = version[0] === "--http1.0" ? "1 1 " : "1 0 ";
    assert.equal(
      await run("curl", [...args, "-o", "/dev/null", "-w", "%{num_connects} ", url, "-o", "/dev/null", url]),
      twice,
    );
  }
  const refused = await run("curl", ["-sS", "--resolve", `a.test:${proxy.port}:127.0.0.1`, url]);
  assert.match(refused, /certificate/, "it knows no authority of ours");
  await eventually(
    async () => (await proxy.metrics()).sum("millrace_tls_handshakes_total", { result: "certificate-refused" }) === 1,
    "that is told",
  );
});

for (const version of ["-tls1_2", "-tls1_3"]) {
  testWithHarness(`OpenSSL resumes its session, and sends nothing early: ${version}`, async (harness) => {
    const proxy = await start(harness);
    const session = join(proxy.folder, "session.pem");
    const request = `${head}Connection: close\r\n\r\n`;
    const first = await openssl(proxy, [version, "-sess_out", session], request);
    assert.match(first, /^New, TLSv1/m);
    assert.match(first, /served/);
    assert.match(first, /Verify return code: 0 \(ok\)/);
    const second = await openssl(proxy, [version, "-sess_in", session], request);
    assert.match(second, /^Reused, TLSv1/m);
    assert.match(second, /served/);
    if (version === "-tls1_3") {
      const early = writeTlsFile(request);
      const third = await openssl(proxy, [version, "-sess_in", session, "-early_data", early], request);
      assert.match(third, /Early data was not sent|Early data was rejected|No early data/i);
      assert.doesNotMatch(third, /Early data was accepted/);
    }
    assert.equal(await full(proxy), 1);
    assert.equal((await proxy.metrics()).sum("millrace_requests_total"), version === "-tls1_3" ? 3 : 2);
  });
}

testWithHarness("a second handshake on a connection is refused", async (harness) => {
  const proxy = await start(harness);
  // A line of one R has OpenSSL's client ask for another handshake; Q ends it.
  const text = await openssl(proxy, ["-tls1_2", "-no_ign_eof"], "R\nQ\n");
  assert.match(text, /RENEGOTIATING/);
  assert.match(text, /no renegotiation|unexpected eof|closed/i);
  assert.equal(await full(proxy), 1);
  await proxy.untilQuiet();
});

testWithHarness("nothing but TLS 1.2 and 1.3 with modern suites is spoken", async (harness) => {
  const proxy = await start(harness);
  const lowest = "@SECLEVEL=0";
  for (const args of [
    ["-tls1", "-cipher", `ALL:${lowest}`],
    ["-tls1_1", "-cipher", `ALL:${lowest}`],
    ["-tls1_2", "-cipher", `AES128-SHA:AES256-GCM-SHA384:${lowest}`],
    ["-tls1_2", "-cipher", `ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA:${lowest}`],
    ["-tls1_2", "-cipher", `DHE-RSA-AES128-GCM-SHA256:aNULL:${lowest}`],
  ])
    assert.match(await openssl(proxy, args, ""), /Cipher is \(NONE\)/, args.join(" "));
  assert.equal(await full(proxy), 0);
});

testWithHarness("the order of suites is ours, but for clients that would rather have ChaCha20", async (harness) => {
  const proxy = await start(harness);
  const [aes128, aes256, chacha] = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];
  for (const [asked, agreed] of [
    [[aes256, chacha, aes128], aes128],
    [[aes256, chacha], aes256],
    [[chacha, aes256, aes128], chacha],
  ] as const)
    assert.match(
      await openssl(proxy, ["-ciphersuites", asked.join(":")], `${head}Connection: close\r\n\r\n`),
      new RegExp(`Cipher is ${agreed}`),
    );
});
