/** Endpoints over TLS: who they are, how often that is proved, and what becomes of those that cannot. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer as createTcpServer, type Socket } from "node:net";
import { join } from "node:path";
import { type Server, createServer, type TlsOptions, type TLSSocket } from "node:tls";
import { TestAuthority, type TestCertificate } from "../../src/net/testing/test-authority.ts";
import { type Harness, testWithHarness } from "../support/harness.ts";
import { modes, type ProxyOptions } from "../support/proxy-under-test.ts";

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** A TLS server that answers every request, and what it has seen. */
interface Peer {
  readonly port: number;
  readonly server: Server;
  /** What clients asked for (SNI). */
  readonly names: string[];
  readonly requests: string[];
  /** For each handshake: was it resumed, what was agreed on, whose certificate came? */
  readonly handshakes: { isResumed: boolean; alpn: string | false; protocol: string | null; client: string }[];
}

async function startPeer(
  harness: Harness,
  options: TlsOptions,
  onRequest: (socket: TLSSocket, head: string) => void = (socket) => void socket.write(ok),
): Promise<Peer> {
  const [names, requests, handshakes, sockets] = [[], [], [], new Set<Socket>()] as [
    string[],
    string[],
    Peer["handshakes"],
    Set<Socket>,
  ];
  const SNICallback = (name: string, done: (error: null) => void): void => {
    names.push(name);
    done(null);
  };
  const server = createServer({ ALPNProtocols: ["http/1.1"], SNICallback, ...options }, (socket) => {
    handshakes.push({
      isResumed: socket.isSessionReused(),
      alpn: socket.alpnProtocol ?? false,
      protocol: socket.getProtocol(),
      client: socket.getPeerX509Certificate()?.subject ?? "",
    });
    socket.on("error", () => {});
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      for (let end = received.indexOf("\r\n\r\n"); end !== -1; end = received.indexOf("\r\n\r\n")) {
        requests.push(received.slice(0, end));
        received = received.slice(end + 4);
        onRequest(socket, requests.at(-1)!);
      }
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  harness.atEnd(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, server, names, requests, handshakes };
}

/** Writes `texts` to files in a folder that is removed in the end. @returns their paths by the same names */
async function filesOf<Name extends string>(
  harness: Harness,
  texts: Readonly<Record<Name, string>>,
): Promise<Record<Name, string>> {
  const folder = await harness.folder();
  const paths: Record<string, string> = {};
  for (const [name, text] of Object.entries<string>(texts)) {
    paths[name] = join(folder, name);
    await writeFile(paths[name], text, { mode: 0o600 });
  }
  return paths as Record<Name, string>;
}

const quiet = { retry: { attempts: 0 }, outlier: false };

/** A proxy in front of the peer at `port`. */
const inFrontOf = (port: number, tls: object, more: Partial<ProxyOptions> = {}): ProxyOptions => ({
  endpoints: [`https://localhost:${port}`],
  ...more,
  upstream: { ...quiet, tls, ...more.upstream },
});

for (const [mode, threads] of modes)
  testWithHarness(`an endpoint proves who it is, once for many requests, ${mode}`, async (harness) => {
    const authority = await TestAuthority.create();
    const { ca } = await filesOf(harness, { ca: authority.root });
    const peer = await startPeer(harness, await authority.issue({ names: ["localhost"] }));
    await harness.proxy(inFrontOf(peer.port, { ca }, { threads }));
    const client = await harness.speaker();
    for (let at = 0; at < 3; at++) assert.equal((await client.ask({ authority: "site.example" })).status, 200);
    assert.deepEqual(peer.names, ["localhost"], "the name is the endpoint's, not the client's");
    assert.deepEqual(
      peer.handshakes.map(({ alpn, protocol }) => [alpn, protocol]),
      [["http/1.1", "TLSv1.3"]],
    );
    assert.match(peer.requests[0] ?? "", /\r\nhost: site\.example(\r\n|$)/i);
    assert.match(peer.requests[0] ?? "", /\r\nx-forwarded-proto: http(\r\n|$)/i);
  });

testWithHarness(
  "who an endpoint must be is decided by one name, whatever else is in the configuration",
  async (harness) => {
    const authority = await TestAuthority.create();
    const { ca } = await filesOf(harness, { ca: authority.root });
    const both = await authority.issue({ names: ["a.test"], ips: ["127.0.0.1"] });
    const cases: [tls: object, host: string, names: string[], reason: string | null][] = [
      [{ serverName: "a.test" }, "127.0.0.1", ["a.test"], null],
      [{ serverName: "A.Test." }, "localhost", ["a.test"], null],
      [{}, "127.0.0.1", [], null],
      [{ serverName: "127.0.0.1" }, "localhost", [], null],
      [{}, "localhost", ["localhost"], "UPSTREAM_TLS_WRONG_NAME"],
      [{ serverName: "::1" }, "localhost", [], "UPSTREAM_TLS_WRONG_NAME"],
      [{ serverName: "b.a.test" }, "localhost", ["b.a.test"], "UPSTREAM_TLS_WRONG_NAME"],
    ];
    for (const [tls, host, names, reason] of cases) {
      const peer = await startPeer(harness, both);
      const proxy = await harness.proxy(
        inFrontOf(peer.port, { ca, ...tls }, { endpoints: [`https://${host}:${peer.port}`] }),
      );
      const answer = await harness.ask({}, proxy);
      assert.deepEqual([answer.status, answer.reason ?? null], reason === null ? [200, null] : [502, reason]);
      assert.deepEqual(peer.names, names);
      assert.equal(peer.requests.length, reason === null ? 1 : 0);
    }
  },
);

testWithHarness(
  "each way to fail has its reason, in answer, log and messages, and nothing is sent",
  async (harness) => {
    const authority = await TestAuthority.create();
    const other = await TestAuthority.create("Other");
    const good = await authority.issue({ names: ["localhost"] });
    const files = await filesOf(harness, {
      ca: authority.root,
      other: other.root,
      crl: await authority.revoke([good]),
      oldCrl: await authority.revoke([], -1),
    });
    const { ca } = files;
    const cases: [certificate: TestCertificate & TlsOptions, tls: object, reason: string, detail: RegExp][] = [
      [good, {}, "UPSTREAM_TLS_UNTRUSTED", /^UNABLE_TO_/],
      [good, { ca: files.other }, "UPSTREAM_TLS_UNTRUSTED", /^UNABLE_TO_/],
      [good, { ca, crl: files.crl }, "UPSTREAM_TLS_UNTRUSTED", /^CERT_REVOKED$/],
      [good, { ca, crl: files.oldCrl }, "UPSTREAM_TLS_EXPIRED", /^CRL_HAS_EXPIRED$/],
      [
        await authority.issue({ names: ["localhost"], fromDays: -9, toDays: -1 }),
        { ca },
        "UPSTREAM_TLS_EXPIRED",
        /^CERT_HAS_EXPIRED$/,
      ],
      [
        await authority.issue({ names: ["localhost"], fromDays: 1 }),
        { ca },
        "UPSTREAM_TLS_EXPIRED",
        /^CERT_NOT_YET_VALID$/,
      ],
      [
        await authority.issue({ subject: "CN=localhost" }),
        { ca },
        "UPSTREAM_TLS_WRONG_NAME",
        /does not hold for localhost$/,
      ],
      [
        await authority.issue({ names: ["localhost\0.evil.test"] }),
        { ca },
        "UPSTREAM_TLS_WRONG_NAME",
        /does not hold for localhost$/,
      ],
      [{ ...good, maxVersion: "TLSv1.2" }, { ca, minVersion: "1.3" }, "UPSTREAM_TLS_FAILED", /^ERR_SSL_/],
      [{ ...good, ca: authority.root, requestCert: true }, { ca }, "UPSTREAM_TLS_REFUSED", /^ERR_SSL_.*ALERT/],
      [{ ...good, ALPNProtocols: ["h2"] }, { ca }, "UPSTREAM_TLS_FAILED", /^ERR_SSL_.*ALERT/],
    ];
    for (const [certificate, tls, reason, detail] of cases) {
      const peer = await startPeer(harness, certificate);
      const proxy = await harness.proxy(
        inFrontOf(peer.port, tls, { config: { log: { level: "warn", access: false, stats: "0s" } } }),
      );
      const answer = await harness.ask({ method: "POST", body: "secret" }, proxy);
      assert.deepEqual([answer.status, answer.reason], [502, reason]);
      assert.deepEqual(peer.requests, []);
      const said = proxy.messages.find(({ message }) => message === "endpoint fails");
      assert.deepEqual([said?.fields["reason"], said?.fields["endpoint"]], [reason, `https://localhost:${peer.port}`]);
      assert.match(String(said?.fields["detail"] ?? said?.fields["errno"]), detail);
      const metrics = await proxy.metrics();
      assert.equal(metrics.sum("millrace_upstream_tls_handshakes_total"), 1);
      assert.equal(metrics.sum("millrace_failures_total", { reason }), 1);
    }
  },
);

testWithHarness("a failed handshake is passed over, for every method", async (harness) => {
  const authority = await TestAuthority.create();
  const { ca } = await filesOf(harness, { ca: authority.root });
  const good = await startPeer(harness, await authority.issue({ names: ["localhost"] }));
  const stranger = await startPeer(harness, await authority.issue({ names: ["stranger.test"] }));
  await harness.proxy({
    endpoints: [`https://localhost:${stranger.port}`, `https://localhost:${good.port}`],
    upstream: { tls: { ca } },
  });
  const client = await harness.speaker();
  for (let at = 0; at < 6; at++)
    assert.equal((await client.ask(at % 2 === 0 ? {} : { method: "POST", body: "x" })).status, 200);
  assert.deepEqual([stranger.requests.length, good.requests.length], [0, 6]);
});

testWithHarness("sessions are resumed, and belong to what was proved", async (harness) => {
  const authority = await TestAuthority.create();
  const { ca } = await filesOf(harness, { ca: authority.root });
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    const peer = await startPeer(
      harness,
      { ...(await authority.issue({ names: ["localhost"], ips: ["127.0.0.1"] })), maxVersion: version },
      (socket) => void socket.end(ok.replace("OK", "OK\r\nConnection: close")),
    );
    const options = inFrontOf(peer.port, { ca });
    const proxy = await harness.proxy(options);
    const client = await harness.speaker(proxy);
    for (let at = 0; at < 4; at++) assert.equal((await client.ask()).status, 200);
    assert.deepEqual(
      peer.handshakes.map(({ isResumed }) => isResumed),
      [false, true, true, true],
      version,
    );
    const metrics = await proxy.metrics();
    for (const [result, count] of [
      ["full", 1],
      ["resumed", 3],
    ] as const) {
      const labels = { upstream: "app", version: version.slice(4), result };
      assert.equal(metrics.sum("millrace_upstream_tls_handshakes_total", labels), count, `${version} ${result}`);
    }
    // Another name to prove begins with nothing.
    await proxy.reload(inFrontOf(peer.port, { ca, serverName: "127.0.0.1" }));
    assert.equal((await client.ask()).status, 200);
    assert.equal(peer.handshakes.at(-1)?.isResumed, false, version);
  }
});

testWithHarness("a session that a server cannot take up does no harm", async (harness) => {
  const authority = await TestAuthority.create();
  const { ca } = await filesOf(harness, { ca: authority.root });
  const peer = await startPeer(
    harness,
    await authority.issue({ names: ["localhost"] }),
    (socket) => void socket.end(ok.replace("OK", "OK\r\nConnection: close")),
  );
  await harness.proxy(inFrontOf(peer.port, { ca }));
  const client = await harness.speaker();
  assert.equal((await client.ask()).status, 200);
  peer.server.setTicketKeys(Buffer.alloc(48, 7));
  for (let at = 0; at < 3; at++) assert.equal((await client.ask()).status, 200);
  assert.deepEqual(
    peer.handshakes.map(({ isResumed }) => isResumed),
    [false, false, true, true],
  );
});

testWithHarness("our certificate is shown to an endpoint that wants one", async (harness) => {
  const authority = await TestAuthority.create();
  const ours = await authority.issue({ subject: "CN=proxy" });
  const { ca, cert, key } = await filesOf(harness, { ca: authority.root, ...ours });
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    const peer = await startPeer(harness, {
      ...(await authority.issue({ names: ["localhost"] })),
      ca: authority.root,
      requestCert: true,
      maxVersion,
    });
    const proxy = await harness.proxy(inFrontOf(peer.port, { ca, cert, key }));
    assert.equal((await harness.ask({}, proxy)).status, 200);
    assert.deepEqual(
      peer.handshakes.map(({ client }) => client),
      ["CN=proxy"],
    );
  }
});

testWithHarness("with `verify: false` anybody is taken for the endpoint", async (harness) => {
  const peer = await startPeer(harness, await (await TestAuthority.create()).issue({ names: ["stranger.test"] }));
  await harness.proxy(inFrontOf(peer.port, { verify: false }));
  assert.equal((await harness.ask()).status, 200);
});

testWithHarness("an answer that ends with its connection is cut if TLS has not said its end", async (harness) => {
  const authority = await TestAuthority.create();
  const { ca } = await filesOf(harness, { ca: authority.root });
  const raw = new Map<number, Socket>();
  const peer = await startPeer(harness, await authority.issue({ names: ["localhost"] }), (socket, head) => {
    socket.write("HTTP/1.1 200 OK\r\n\r\nsome content", () => {
      if (head.includes("/whole")) socket.end();
      else raw.get(socket.remotePort!)!.end();
    });
  });
  peer.server.on("connection", (socket: Socket) => raw.set(socket.remotePort!, socket));
  await harness.proxy(inFrontOf(peer.port, { ca }));
  const client = await harness.speaker();
  const whole = await client.ask({ path: "/whole" });
  assert.equal(whole.text, "some content");
  const cut = client.begin({ path: "/cut" });
  await assert.rejects(cut.answer());
  const [log] = await harness.end();
  assert.deepEqual(
    log?.map(({ target, reason }) => [target, reason ?? null]),
    [
      ["/whole", null],
      ["/cut", "UPSTREAM_TRUNCATED"],
    ],
  );
});

testWithHarness("whatever happens instead of a handshake is a failure within the time to connect", async (harness) => {
  const cases: [does: (socket: Socket) => void, status: number, reason: string][] = [
    [(socket) => socket.end(), 502, "UPSTREAM_TLS_FAILED"],
    [(socket) => socket.resetAndDestroy(), 502, "UPSTREAM_TLS_FAILED"],
    [(socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"), 502, "UPSTREAM_TLS_FAILED"],
    [(socket) => socket.write(Buffer.alloc(70_000, 0x16)), 502, "UPSTREAM_TLS_FAILED"],
    // The head of a handshake record that never comes.
    [(socket) => socket.write(Buffer.from([22, 3, 3, 0x40, 0])), 504, "UPSTREAM_TLS_TIMEOUT"],
    [() => {}, 504, "UPSTREAM_TLS_TIMEOUT"],
  ];
  for (const [does, status, reason] of cases) {
    const sockets = new Set<Socket>();
    const server = createTcpServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.once("data", () => does(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    harness.atEnd(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const { port } = server.address() as { port: number };
    const proxy = await harness.proxy(inFrontOf(port, {}, { upstream: { timeouts: { connect: "300ms" } } }));
    const answer = await harness.ask({ method: "POST", body: "x" }, proxy);
    assert.deepEqual([answer.status, answer.reason], [status, reason]);
  }
});
