/** What HTTP makes of TLS: whose certificate a client has, hosts with rules of their own, redirects, HSTS. */
import assert from "node:assert/strict";
import { TestAuthority } from "../../src/net/testing/test-authority.ts";
import { freePort } from "../support/free-port.ts";
import { type Harness, testWithHarness } from "../support/harness.ts";
import type { ProxyOptions, ProxyUnderTest } from "../support/proxy-under-test.ts";
import { askOnce, secure, sendPlain, textsOf } from "../support/tls-client.ts";
import { certificateFiles, serverFiles, writeTlsFile } from "../support/tls-files.ts";

const clients = await TestAuthority.create("Clients");
const others = await TestAuthority.create("Others");
const ca = writeTlsFile(clients.root);
const client = textsOf(await certificateFiles({ names: ["c.test"], subject: "CN=client, O=Staff" }, clients));
const stranger = textsOf(await certificateFiles({ names: ["c.test"], subject: "CN=root" }, others));
const tls = { certificates: [serverFiles] };

/** A proxy whose endpoint answers with the fields it was sent. */
async function start(harness: Harness, listener: object, rest: Partial<ProxyOptions> = {}): Promise<ProxyUnderTest> {
  const endpoint = await harness.endpoint((exchange) => {
    const lines = exchange.request.fields.map(([name, value]) => `${name.toLowerCase()}: ${value}\n`);
    exchange.answer({ body: lines.join("") });
  });
  return harness.proxy({ endpoints: [endpoint.url], listener: { tls, ...listener }, ...rest });
}

const lineOf = (text: string, name: string): string | null =>
  new RegExp(`^${name}: (.*?)\\r?$`, "im").exec(text)?.[1] ?? null;
const told = (text: string): Record<string, string | null> => ({
  verify: lineOf(text, "x-client-cert-verify"),
  subject: lineOf(text, "x-client-cert-subject"),
  san: lineOf(text, "x-client-cert-san"),
});
const nothing = { verify: null, subject: null, san: null };
const lies =
  "X-Client-Cert-Verify: SUCCESS\r\nX_Client_Cert_Subject: CN=liar\r\nX-Client-Cert-Subject: CN=liar\r\nClient-Cert: :AA==:\r\nConnection: X-Client-Cert-Verify, X-Client-Cert-San\r\n";

testWithHarness("endpoints are told whose certificate a client has, and cannot be lied to", async (harness) => {
  const proxy = await start(harness, { tls: { ...tls, clientAuth: { ca, mode: "request", forward: "certificate" } } });
  const good = await askOnce(await secure(harness, proxy, client), "a.test", lies);
  assert.deepEqual(told(good), { verify: "SUCCESS", subject: "O=Staff,CN=client", san: "DNS:c.test" });
  assert.match(lineOf(good, "x-client-cert-fingerprint") ?? "", /^[0-9a-f]{64}$/);
  assert.equal(lineOf(good, "client-cert"), `:${client.cert.replace(/-----.*-----|\s/g, "")}:`);
  assert.equal(lineOf(good, "x-forwarded-proto"), "https");
  const bad = await askOnce(await secure(harness, proxy, stranger), "a.test", lies);
  const { verify, ...whose } = told(bad);
  assert.match(verify ?? "", /^FAILED:UNABLE_TO_/);
  assert.deepEqual(whose, { subject: null, san: null });
  assert.equal(lineOf(bad, "client-cert"), null);
  assert.deepEqual(told(await askOnce(await secure(harness, proxy), "a.test", lies)), { ...nothing, verify: "NONE" });
  const [lines] = await harness.end();
  assert.deepEqual(
    lines!.map(({ clientSubject }) => clientSubject),
    ["O=Staff,CN=client", null, null],
  );
});

testWithHarness(
  "on listeners that ask for no certificate, with TLS or without, nothing of one goes on",
  async (harness) => {
    const proxy = await start(harness, { trustedProxies: ["127.0.0.1"] }, {});
    assert.deepEqual(told(await askOnce(await secure(harness, proxy, client), "a.test", lies)), nothing);
    const plain = await start(harness, { tls: undefined, trustedProxies: ["127.0.0.1"] });
    const answer = await sendPlain(plain, `GET / HTTP/1.1\r\nHost: a\r\n${lies}Connection: close\r\n\r\n`);
    assert.deepEqual(told(answer.toString()), nothing);
  },
);

for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
  testWithHarness(`a resumed session still tells whose certificate it began with: ${maxVersion}`, async (harness) => {
    const proxy = await start(harness, { tls: { ...tls, clientAuth: { ca } } });
    let session: Buffer | undefined;
    for (let at = 0; at < 3; at++) {
      const one = await secure(harness, proxy, { ...client, maxVersion, ...(session !== undefined && { session }) });
      if (maxVersion === "TLSv1.2") session ??= one.getSession();
      one.on("session", (given) => (session = given));
      assert.equal(one.isSessionReused(), at > 0);
      assert.equal(told(await askOnce(one)).subject, "O=Staff,CN=client");
    }
  });
}

const hosts = [{ host: "strict.b.test", clientAuth: { ca } }];

testWithHarness("a host with rules of its own is not served on the connection of another: 421", async (harness) => {
  const proxy = await start(harness, { tls: { ...tls, hosts } });
  const status = async (servername: string, host: string, options: object = {}): Promise<string> =>
    (await askOnce(await secure(harness, proxy, { servername, ...options }), host)).slice(9, 12);
  assert.equal(await status("a.test", "a.test"), "200");
  assert.equal(await status("a.test", "other.b.test"), "200", "the same rules hold there");
  for (const host of ["strict.b.test", "STRICT.b.test", "strict.b.test.", "strict.b.test:8443"]) {
    assert.equal(await status("a.test", host), "421", host);
    assert.equal(await status("", host), "421", `${host} without a name`);
    assert.equal(await status("strict.b.test", host, client), "200", `${host} where it belongs`);
  }
  assert.equal(await status("strict.b.test", "a.test", client), "421", "nor the other way round");
  await assert.rejects(status("strict.b.test", "strict.b.test"), "without a certificate there is no handshake");
});

testWithHarness("a wildcard of rules covers all that the same wildcard of a route takes", async (harness) => {
  const lax = { host: "*.lax.b.test", clientAuth: "off" };
  // The server's certificate holds for one label only.
  const checkServerIdentity = (): undefined => undefined;
  const proxy = await start(harness, { tls: { ...tls, hosts: [{ host: "*.b.test", clientAuth: { ca } }, lax] } });
  const status = async (servername: string, host: string, options: object = {}): Promise<string> =>
    (await askOnce(await secure(harness, proxy, { servername, checkServerIdentity, ...options }), host)).slice(9, 12);
  for (const host of ["x.b.test", "x.y.b.test", "lax.b.test"]) {
    assert.equal(await status("a.test", host), "421", host);
    assert.equal(await status(host, host, client), "200", host);
    await assert.rejects(status(host, host), `${host} without a certificate`);
  }
  for (const host of ["b.test", "x.lax.b.test", "x.y.lax.b.test"])
    assert.equal(await status("a.test", host), "200", host);
});

testWithHarness("rules that a reload changes hold on connections that are open, too", async (harness) => {
  const endpoint = await harness.endpoint();
  const options = (more: object): ProxyOptions => ({
    endpoints: [endpoint.url],
    listener: { tls: { ...tls, ...more } },
  });
  const proxy = await harness.proxy(options({}));
  const open = await secure(harness, proxy, { servername: "strict.b.test" });
  const kept = await secure(harness, proxy);
  await proxy.reload(options({ hosts }));
  assert.match(await askOnce(open, "strict.b.test"), /^HTTP\/1\.1 421 .*MISDIRECTED/s);
  assert.match(await askOnce(kept), /^HTTP\/1\.1 200 /);
});

testWithHarness("rules hold on open connections of a listener that a reload has removed", async (harness) => {
  const endpoint = await harness.endpoint();
  const proxy = await harness.proxy({ endpoints: [endpoint.url], listener: { tls: { ...tls, hosts } } });
  const open = await secure(harness, proxy);
  await proxy.reload({
    endpoints: [endpoint.url],
    listener: { name: "other", address: `127.0.0.1:${await freePort()}`, tls },
  });
  assert.match(await askOnce(open, "strict.b.test"), /^HTTP\/1\.1 421 .*MISDIRECTED/s);
});

testWithHarness("a redirecting listener sends clients to HTTPS, whatever they ask for", async (harness) => {
  const proxy = await start(harness, { name: "main", tls: { ...tls, redirect: ":0" } });
  const port = proxy.portOf(":0");
  const ask = async (head: string): Promise<string> =>
    (await sendPlain({ port }, `${head}Connection: close\r\n\r\n`)).toString("latin1");
  const get = await ask("GET /a/b?c=d HTTP/1.1\r\nHost: Site.Test:80\r\n");
  assert.match(get, /^HTTP\/1\.1 301 /);
  assert.equal(lineOf(get, "location"), `https://site.test:${proxy.port}/a/b?c=d`);
  const post = await ask("POST / HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 0\r\n");
  assert.match(post, /^HTTP\/1\.1 308 /);
  assert.equal(lineOf(post, "location"), `https://[::1]:${proxy.port}/`);
  assert.match(await ask("GET / HTTP/1.0\r\n"), /^HTTP\/1\.1 400 .*BAD_HOST/s);
  assert.match(await ask("TRACE / HTTP/1.1\r\nHost: a\r\n"), /^HTTP\/1\.1 405 /);
  assert.match(await ask("GET / HTTP/1.1\r\nHost: a b\r\n"), /^HTTP\/1\.1 400 /);
});

testWithHarness(
  "a redirecting listener sends nobody in a circle who came by HTTPS to a trusted proxy",
  async (harness) => {
    const ask = async (listener: object, said: string): Promise<string> => {
      const proxy = await start(harness, { name: "main", ...listener });
      const head = `GET /a HTTP/1.1\r\nHost: a.test\r\n${said}\r\nConnection: close\r\n\r\n`;
      return (await sendPlain({ port: proxy.portOf(":0") }, head)).toString("latin1");
    };
    const redirecting = { ...tls, redirect: ":0" };
    const trusting = { tls: redirecting, trustedProxies: "127.0.0.0/8" };
    const served = await ask(trusting, "X-Forwarded-Proto: https");
    assert.match(served, /^HTTP\/1\.1 200 /);
    assert.equal(lineOf(served, "x-forwarded-proto"), "https");
    assert.match(await ask(trusting, "Forwarded: for=192.0.2.1;proto=https"), /^HTTP\/1\.1 200 /);
    assert.match(await ask(trusting, "X-Forwarded-Proto: http"), /^HTTP\/1\.1 301 /);
    assert.match(await ask({ tls: redirecting }, "X-Forwarded-Proto: https"), /^HTTP\/1\.1 301 /);
    // Certificates of clients would not have been asked for.
    const strict = [{ clientAuth: { ca } }, { hosts: [{ host: "b.test", clientAuth: { ca } }] }];
    for (const rules of strict) {
      const listener = { ...trusting, tls: { ...redirecting, ...rules } };
      assert.match(await ask(listener, "X-Forwarded-Proto: https"), /^HTTP\/1\.1 421 /);
      assert.match(await ask(listener, "X-Forwarded-Proto: http"), /^HTTP\/1\.1 301 /);
    }
  },
);

testWithHarness("the port and the status of a redirect can be said, and a reload ends it", async (harness) => {
  const endpoint = await harness.endpoint();
  const options = (redirect: unknown): ProxyOptions => ({
    endpoints: [endpoint.url],
    listener: { name: "main", tls: { ...tls, redirect } },
  });
  const proxy = await harness.proxy(options({ address: ":0", port: 443, status: 307 }));
  const port = proxy.portOf(":0");
  const answer = await sendPlain({ port }, "GET /p HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
  assert.match(answer.toString(), /^HTTP\/1\.1 307 /);
  assert.equal(lineOf(answer.toString(), "location"), "https://a.test/p");
  await proxy.reload(options("off"));
  assert.equal(proxy.proxy.addresses().length, 1);
  assert.match(await askOnce(await secure(harness, proxy)), /^HTTP\/1\.1 200 /);
});

const hstsCases: readonly [option: unknown, line: string | null][] = [
  ["on", "max-age=31536000"],
  ["30d", "max-age=2592000"],
  [{ maxAge: "0s" }, "max-age=0"],
  [{ includeSubdomains: true, preload: true }, "max-age=31536000; includeSubDomains; preload"],
  ["off", null],
];
for (const [hsts, line] of hstsCases) {
  testWithHarness(`hsts: ${JSON.stringify(hsts)} says ${line ?? "nothing"}`, async (harness) => {
    const endpoint = await harness.endpoint();
    const proxy = await harness.proxy({ endpoints: [endpoint.url], listener: { tls: { ...tls, hsts } } });
    assert.equal(lineOf(await askOnce(await secure(harness, proxy)), "strict-transport-security"), line);
  });
}

testWithHarness("HSTS is said with our own answers, too, once, and never without TLS", async (harness) => {
  const endpoint = await harness.endpoint((exchange) =>
    exchange.answer({ fields: [["Strict-Transport-Security", "max-age=5"]], body: "x" }),
  );
  const proxy = await harness.proxy({
    endpoints: [endpoint.url],
    listener: { name: "main", tls: { ...tls, hsts: "on", redirect: ":0" } },
    routes: [{ match: { host: "a.test" }, upstream: "app" }],
  });
  const text = await askOnce(await secure(harness, proxy));
  assert.deepEqual(text.match(/strict-transport-security: .*/gi), ["Strict-Transport-Security: max-age=5"]);
  const missing = await askOnce(await secure(harness, proxy), "b.test");
  assert.match(missing, /^HTTP\/1\.1 404 /);
  assert.equal(lineOf(missing, "strict-transport-security"), "max-age=31536000");
  for (const port of [proxy.port, proxy.portOf(":0")]) {
    const plain = await sendPlain({ port }, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert.equal(lineOf(plain.toString(), "strict-transport-security"), null);
  }
});
