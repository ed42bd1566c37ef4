/**
 * Certificates while a proxy serves: what changes is taken everywhere, nothing is dropped for it, and what cannot be
 * used changes nothing.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { answerOcsp } from "../../src/net/testing/ocsp-responder.ts";
import type { TestCertificate } from "../../src/net/testing/test-authority.ts";
import { ocspRequest, ocspSubjectOf } from "../../src/net/tls/ocsp.ts";
import { type Harness, testWithHarness } from "../support/harness.ts";
import { modes, type ProxyUnderTest } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";
import { authority, certificateFiles, rootFile, writeTlsFile } from "../support/tls-files.ts";

/** Resolves when the handshake is done, rejects with what ended it. */
async function secure(harness: Harness, { port }: ProxyUnderTest, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const client = connect({ port, host: "127.0.0.1", ca: authority.root, servername: "swap.test", ...options });
  harness.endWithClients(() => client.destroy());
  await once(client, "secureConnect");
  client.on("error", () => {});
  return client;
}

/** One request on a connection that stays open. */
async function ask(client: TLSSocket): Promise<string> {
  client.write("GET / HTTP/1.1\r\nHost: swap.test\r\n\r\n");
  const [chunk] = (await once(client, "data")) as [Buffer];
  return chunk.toString();
}

const serialOf = (client: TLSSocket): string => client.getPeerX509Certificate()?.serialNumber ?? "";

/** As whoever takes care replaces a file. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

const wish = { names: ["swap.test"] };
const route = { respond: { body: "hello" } };

for (const [title, threads] of modes) {
  testWithHarness(`replaced files are taken by every thread, and open connections stay, ${title}`, async (harness) => {
    const files = await certificateFiles(wish);
    const proxy = await harness.proxy({ threads, routes: [route], listener: { tls: { certificates: [files] } } });
    const before = await Promise.all([1, 2, 3, 4].map(() => secure(harness, proxy)));
    for (const client of before) assert.match(await ask(client), /^HTTP\/1\.1 200 /);
    const next = await authority.issue(wish);
    replace(files.cert, next.cert);
    replace(files.key, next.key);
    const told = (): boolean => proxy.messages.some(({ message }) => message === "a certificate was replaced");
    await eventually(told, "the certificate is replaced");
    const first = serialOf(before[0]!);
    await eventually(async () => {
      const clients = await Promise.all([1, 2, 3, 4, 5, 6].map(() => secure(harness, proxy)));
      const serials = new Set(clients.map(serialOf));
      for (const client of clients) client.destroy();
      return !serials.has(first);
    }, "every thread serves with the new one");
    for (const client of before) assert.match(await ask(client), /^HTTP\/1\.1 200 /);
    const samples = await proxy.metrics();
    assert.ok(samples.sum("millrace_certificate_expiry_seconds", { name: "swap.test", key: "ec" }) > 86_400);
  });
}

testWithHarness("a pair that does not fit refuses a reload, and the old one serves on", async (harness) => {
  const files = await certificateFiles(wish);
  const options = { routes: [route], listener: { tls: { certificates: [files] } }, mayComplain: /cannot be used/ };
  const proxy = await harness.proxy(options);
  const old = serialOf(await secure(harness, proxy));
  const other: TestCertificate = await authority.issue(wish);
  writeFileSync(files.cert, other.cert);
  await assert.rejects(proxy.reload(options), /does not belong to its key: the public keys differ/);
  assert.equal(serialOf(await secure(harness, proxy)), old);
  writeFileSync(files.key, other.key);
  await proxy.reload(options);
  assert.notEqual(serialOf(await secure(harness, proxy)), old);
});

testWithHarness("a proxy does not start with a certificate that it cannot use", async (harness) => {
  const files = await certificateFiles(wish);
  const cert = writeTlsFile("no certificate");
  const options = { routes: [route], listener: { tls: { certificates: [{ ...files, cert }] } } };
  await assert.rejects(harness.proxy(options), /holds no certificate/);
});

testWithHarness("a thread that takes the place of a dead one has the certificates of today", async (harness) => {
  const files = await certificateFiles(wish);
  const listener = { tls: { certificates: [files] } };
  const proxy = await harness.proxy({ threads: 1, routes: [route], listener, mayComplain: /thread/ });
  const next = await authority.issue(wish);
  replace(files.cert, next.cert);
  replace(files.key, next.key);
  const isNew = async (): Promise<boolean> =>
    serialOf(await secure(harness, proxy)) !== "" &&
    proxy.messages.some(({ message }) => message === "a certificate was replaced");
  await eventually(isNew, "the certificate is replaced");
  const current = serialOf(await secure(harness, proxy));
  await proxy.killThread(0);
  await eventually(
    () =>
      secure(harness, proxy).then(
        (client) => serialOf(client) === current,
        () => false,
      ),
    "the next thread serves with the new certificate",
  );
});

for (const version of ["TLSv1.2", "TLSv1.3"] as const)
  testWithHarness(`clients that want a staple get the one of their certificate (${version})`, async (harness) => {
    const files = await certificateFiles(wish);
    const leaf = { cert: readFileSync(files.cert, "utf8"), key: readFileSync(files.key, "utf8") };
    const answer = await answerOcsp(ocspRequest(ocspSubjectOf([leaf.cert, authority.root])!), {
      authority,
      good: [leaf],
    });
    const rsa = await certificateFiles({ ...wish, keyType: "rsa" });
    const proxy = await harness.proxy({
      routes: [route],
      listener: { tls: { certificates: [rsa, { ...files, chain: rootFile, ocsp: writeTlsFile(answer) }] } },
    });
    const stapleFor = async (options: ConnectionOptions): Promise<Buffer | null> => {
      const client = connect({
        ...{ port: proxy.port, host: "127.0.0.1", ca: authority.root, servername: "swap.test" },
        ...{ requestOCSP: true, minVersion: version, maxVersion: version, ...options },
      });
      harness.endWithClients(() => client.destroy());
      const staple = await new Promise<Buffer | null>((resolve, reject) => {
        client.once("OCSPResponse", (given: Buffer | null) => resolve(given)).once("error", reject);
      });
      client.destroy();
      return staple !== null && staple.length > 0 ? staple : null;
    };
    assert.deepEqual(await stapleFor({}), answer);
    const rsaOnly =
      version === "TLSv1.2" ? { ciphers: "ECDHE-RSA-AES128-GCM-SHA256" } : { sigalgs: "rsa_pss_rsae_sha256" };
    assert.equal(await stapleFor(rsaOnly), null, "never that of another certificate");
  });
