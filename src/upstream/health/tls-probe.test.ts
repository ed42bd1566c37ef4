/** Checks over TLS, against servers of Node's own. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import type { TlsOptions } from "node:tls";
import { systemScheduler } from "../../base/scheduler.ts";
import { TestAuthority } from "../../net/testing/test-authority.ts";
import type { EndpointTls } from "../endpoint-tls.ts";
import { startTlsServer, tlsOf, tlsSpecAt } from "../testing/tls-server.ts";
import type { EndpointSpec } from "../endpoint.ts";
import { createHttpProbe, type ProbeResult } from "./http-probe.ts";
import { createTcpProbe } from "./tcp-probe.ts";

const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

function check(endpoint: EndpointSpec, timeout = 5_000): Promise<ProbeResult> {
  const here = (_host: string, _options: object, done: (error: null, address: never, family?: number) => void): void =>
    process.nextTick(() => done(null, [{ address: "127.0.0.1", family: 4 }] as never));
  const options = { path: "/", host: null, tcp: null, timeout, expect: [{ from: 200, to: 200 }] };
  return new Promise((resolve) => createHttpProbe(systemScheduler, here)(endpoint, options, resolve));
}

test("a check over TLS asks for the name that is proved, and for nothing before that", async (context) => {
  const authority = await TestAuthority.create();
  const other = await TestAuthority.create("Other");
  const ours = await authority.issue({ subject: "CN=proxy" });
  const good = await authority.issue({ names: ["a.test"], ips: ["127.0.0.1"] });
  const old = await authority.issue({ names: ["a.test"], fromDays: -9, toDays: -1 });
  const ca = authority.root;
  const table: [server: TlsOptions, tls: EndpointTls, host: string, reason: RegExp, name?: string | null][] = [
    [good, tlsOf({}, { ca }), "a.test", /^status 200$/, "a.test"],
    [good, tlsOf({}, { ca }), "127.0.0.1", /^status 200$/, null],
    [good, tlsOf({ serverName: "a.test" }, { ca }), "127.0.0.1", /^status 200$/, "a.test"],
    [
      good,
      tlsOf({ serverName: "b.test" }, { ca }),
      "a.test",
      /^TLS: its certificate does not hold for b.test$/,
      "b.test",
    ],
    [good, tlsOf({}), "a.test", /^TLS: UNABLE_TO_VERIFY_LEAF_SIGNATURE$/],
    [good, tlsOf({}, { ca: other.root }), "a.test", /^TLS: UNABLE_TO_/],
    [good, tlsOf({ verify: false }), "b.test", /^status 200$/, "b.test"],
    [old, tlsOf({}, { ca }), "a.test", /^TLS: CERT_HAS_EXPIRED$/],
    [good, tlsOf({}, { ca, crl: await authority.revoke([good]) }), "a.test", /^TLS: CERT_REVOKED$/],
    [
      { ...good, maxVersion: "TLSv1.2" },
      tlsOf({ minVersion: "1.3" }, { ca }),
      "a.test",
      /^TLS: ERR_SSL_.*PROTOCOL_VERSION$/,
    ],
    [{ ...good, ca, requestCert: true }, tlsOf({}, { ca, ...ours }), "a.test", /^status 200$/],
    [{ ...good, ca, requestCert: true }, tlsOf({}, { ca }), "a.test", /^TLS: our certificate is refused/],
    [
      { ...good, ca, requestCert: true, maxVersion: "TLSv1.2" },
      tlsOf({}, { ca }),
      "a.test",
      /^(TLS: our certificate is refused|TLS: ERR_SSL|ECONNRESET)/,
    ],
  ];
  for (const [server, tls, host, reason, name] of table) {
    let asked = "";
    const { port, names } = await startTlsServer(context, server, (socket) => {
      socket.on("data", (chunk) => {
        asked += chunk.toString("latin1");
        socket.end(answer);
      });
    });
    const result = await check(tlsSpecAt(port, tls, host));
    assert.match(result.reason, reason);
    assert.equal(result.isSuccess, result.reason === "status 200");
    if (name !== undefined) assert.deepEqual(names, name === null ? [] : [name]);
    assert.equal(asked !== "", result.status !== null, "nothing is asked of a stranger");
  }
});

test("an endpoint that speaks no TLS, or nothing, fails the check and is named so", async (context) => {
  const cases: [says: string | null, reason: RegExp][] = [
    ["HTTP/1.1 200 OK\r\n\r\n", /^TLS: ERR_SSL_/],
    [null, /^no TLS within 300 ms$/],
  ];
  for (const [says, reason] of cases) {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.resume();
      if (says !== null) socket.end(says);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    context.after(() => server.close());
    const { port } = server.address() as { port: number };
    assert.match((await check(tlsSpecAt(port, tlsOf({})), says === null ? 300 : 5_000)).reason, reason);
  }
});

test("a check over TCP makes the handshake, too", async (context) => {
  const authority = await TestAuthority.create();
  const { port } = await startTlsServer(context, await authority.issue({ names: ["a.test"] }), (socket) =>
    socket.on("data", (chunk) => socket.end(chunk.toString() === "PING" ? "PONG" : "?")),
  );
  const probe = (ca: string): Promise<ProbeResult> =>
    new Promise((resolve) => {
      const options = { path: "/", host: null, tcp: { send: "PING", expect: "PONG" }, timeout: 5_000, expect: [] };
      const tls = tlsOf({ serverName: "a.test" }, { ca });
      createTcpProbe(systemScheduler)(tlsSpecAt(port, tls), options, resolve);
    });
  assert.equal((await probe(authority.root)).reason, "answered as expected");
  assert.match((await probe((await TestAuthority.create("Other")).root)).reason, /^TLS: UNABLE_TO/);
});
