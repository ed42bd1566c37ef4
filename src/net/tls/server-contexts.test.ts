import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { type ConnectionOptions, connect, type TLSSocket, TLSSocket as ServerSocket } from "node:tls";
import { TestAuthority, type TestCertificate } from "../testing/test-authority.ts";
import { ClientHelloReader } from "./client-hello-reader.ts";
import { ContextCache } from "./context-cache.ts";
import { readCertificate } from "./read-certificate.ts";
import { acmeTlsProtocol, type ContextChoice, ServerContexts } from "./server-contexts.ts";
import type { CertificateMaterial, ClientAuthMaterial, ListenerTlsMaterial, TlsMaterial } from "./tls-material.ts";

/** A listener in plain text: what `net.Server` accepts, secured by the choice of `contexts`. */
class Scene {
  readonly contexts: ServerContexts;
  readonly server: Server;
  /** What the server side saw of the last handshake. */
  last: { isResumed: boolean; isAuthorized: boolean; policyId: string; protocol: string | null } | null = null;
  refusal: string | null = null;
  staysOpen = false;

  constructor(cache: ContextCache = new ContextCache()) {
    this.contexts = new ServerContexts(cache);
    this.server = createServer((socket) => this.#accept(socket));
  }

  #accept(socket: Socket): void {
    socket.on("error", () => {});
    const reader = new ClientHelloReader();
    const onData = (bytes: Buffer): void => {
      const hello = reader.take(bytes, bytes.length);
      if (hello === null) return;
      socket.pause();
      socket.off("data", onData);
      if ("alert" in hello) return void socket.destroy();
      const choice = this.contexts.choose(hello);
      if (choice === "awaited" || "reason" in choice) {
        this.refusal = choice === "awaited" ? choice : choice.reason;
        socket.destroy();
        return;
      }
      socket.unshift(reader.bytes);
      const secure = new ServerSocket(socket, {
        isServer: true,
        secureContext: choice.secureContext,
        requestCert: choice.verify !== "none",
        rejectUnauthorized: choice.verify === "require",
      });
      secure.on("error", () => {});
      secure.on("secure", () => {
        const isAuthorized = (secure as unknown as { ssl: { verifyError(): Error | null } }).ssl.verifyError() === null;
        const { policyId } = choice;
        this.last = { isResumed: secure.isSessionReused(), isAuthorized, policyId, protocol: secure.getProtocol() };
        if (choice.verify === "require" && !isAuthorized) secure.destroy();
        else if (!this.staysOpen) secure.end("hello");
      });
    };
    socket.on("data", onData);
  }
}

let authority: TestAuthority;
let clientsA: TestAuthority;
let clientsB: TestAuthority;
let clientA: TestCertificate;
let a: CertificateMaterial;
let aRsa: CertificateMaterial;
let b: CertificateMaterial;
let scene: Scene;
before(async () => {
  authority = await TestAuthority.create();
  clientsA = await TestAuthority.create("Clients A");
  clientsB = await TestAuthority.create("Clients B");
  clientA = await clientsA.issue({ names: ["client"] });
  const make = async (names: string[], keyType: "ec" | "rsa" = "ec"): Promise<CertificateMaterial> =>
    readCertificate(await authority.issue({ names, keyType })).material;
  a = await make(["a.test"]);
  aRsa = await make(["a.test"], "rsa");
  b = await make(["b.test", "*.b.test"]);
  scene = new Scene();
  scene.server.listen(0, "127.0.0.1");
  await once(scene.server, "listening");
});
after(() => scene.server.close());

const askA = (mode: "require" | "request" = "require"): ClientAuthMaterial => ({
  mode,
  caPem: clientsA.root,
  crlPem: null,
  crlEndMs: null,
  forward: "summary",
});

function materialOf(
  certificates: readonly CertificateMaterial[],
  rules: Partial<ListenerTlsMaterial> = {},
): TlsMaterial {
  const listener: ListenerTlsMaterial = {
    certificates: certificates.map(({ id }) => id),
    unknownName: "default",
    isOnDemand: false,
    minVersion: "1.2",
    profile: "intermediate",
    clientAuth: null,
    hosts: [],
    ticketSecret: Buffer.alloc(32, 1).toString("base64"),
    ticketLifetimeMs: 3_600_000,
    ...rules,
  };
  return {
    certificates: new Map(certificates.map((certificate) => [certificate.id, certificate])),
    listeners: new Map([["main", listener]]),
    challenges: { http: new Map(), alpn: new Map(), isShared: false },
  };
}

interface Seen {
  readonly names: string | null;
  readonly keyType: string | null;
  readonly session: Buffer | null;
  readonly protocol: string | null;
  readonly group: string | null;
}

/** One connection; null = the handshake or what followed failed. */
async function visit(options: ConnectionOptions & { to?: Scene } = {}): Promise<Seen | null> {
  const { to = scene, ...rest } = options;
  to.last = null;
  to.refusal = null;
  const { port } = to.server.address() as AddressInfo;
  const socket: TLSSocket = connect({
    port,
    host: "127.0.0.1",
    ca: authority.root,
    rejectUnauthorized: false,
    ...rest,
  });
  let session: Buffer | null = null;
  let text = "";
  socket.on("session", (given: Buffer) => {
    session = given;
  });
  socket.on("data", (bytes: Buffer) => {
    text += bytes.toString();
  });
  socket.on("error", () => {});
  let seen: Omit<Seen, "session"> | null = null;
  socket.on("secureConnect", () => {
    const certificate = socket.getPeerX509Certificate();
    seen = {
      names: certificate?.subjectAltName ?? null,
      keyType: certificate?.publicKey.asymmetricKeyType ?? null,
      protocol: socket.getProtocol(),
      group: (socket.getEphemeralKeyInfo() as { name?: string } | null)?.name ?? null,
    };
  });
  await new Promise((resolve) => socket.once("close", resolve));
  return seen === null || text !== "hello" ? null : Object.assign({ session }, seen as Omit<Seen, "session">);
}

const versions = ["TLSv1.2", "TLSv1.3"] as const;

for (const version of versions) {
  const only = { minVersion: version, maxVersion: version };

  test(`the name decides: exactly, by one label of a wildcard, the default for others (${version})`, async () => {
    scene.contexts.take(materialOf([a, b]), "main");
    const namesAt = async (servername?: string): Promise<string | null> =>
      (await visit({ ...only, ...(servername !== undefined && { servername }) }))?.names ?? null;
    assert.equal(await namesAt("a.test"), "DNS:a.test");
    assert.equal(await namesAt("B.Test"), "DNS:b.test, DNS:*.b.test");
    assert.equal(await namesAt("x.b.test"), "DNS:b.test, DNS:*.b.test");
    assert.equal(await namesAt("y.x.b.test"), "DNS:a.test");
    assert.equal(await namesAt("other.test"), "DNS:a.test");
    assert.equal(await namesAt(), "DNS:a.test");
  });

  test(`a client that knows RSA only gets that certificate, with and without a name (${version})`, async () => {
    const rsaOnly =
      version === "TLSv1.2"
        ? { ciphers: "ECDHE-RSA-AES128-GCM-SHA256" }
        : { sigalgs: "rsa_pss_rsae_sha256:rsa_pkcs1_sha256" };
    // Whichever stands first.
    for (const certificates of [
      [b, a, aRsa],
      [b, aRsa, a],
      [a, aRsa],
      [aRsa, a],
    ]) {
      scene.contexts.take(materialOf(certificates), "main");
      assert.equal((await visit({ ...only, servername: "a.test" }))?.keyType, "ec");
      assert.equal((await visit({ ...only, ...rsaOnly, servername: "a.test" }))?.keyType, "rsa");
      if (certificates.length > 2) continue;
      assert.equal((await visit(only))?.keyType, "ec");
      assert.equal((await visit({ ...only, ...rsaOnly }))?.keyType, "rsa");
    }
  });

  test(`sessions are resumed by another thread, but not after the secret changed (${version})`, async (t) => {
    const other = new Scene();
    other.server.listen(0, "127.0.0.1");
    await once(other.server, "listening");
    t.after(() => other.server.close());
    scene.contexts.take(materialOf([a]), "main");
    other.contexts.take(materialOf([a]), "main");
    const first = await visit({ ...only, servername: "a.test" });
    assert.ok(first?.session);
    const again = { ...only, servername: "a.test", session: first.session };
    await visit({ ...again, to: other });
    assert.equal(other.last?.isResumed, true);
    other.contexts.take(materialOf([a], { ticketSecret: Buffer.alloc(32, 2).toString("base64") }), "main");
    assert.ok(await visit({ ...again, to: other }));
    assert.equal(other.last?.isResumed, false);
    other.contexts.take(materialOf([a], { ticketLifetimeMs: 0 }), "main");
    const without = await visit({ ...only, servername: "a.test", to: other });
    await visit({
      ...only,
      servername: "a.test",
      to: other,
      ...(without?.session != null && { session: without.session }),
    });
    assert.equal(other.last?.isResumed, false, "tickets are off");
  });

  test(`a session of one host is worth nothing at a host with other rules (${version})`, async () => {
    const caB = { ...askA(), caPem: clientsB.root };
    const hosts = [
      { names: ["a.test"], clientAuth: askA() },
      { names: ["b.test"], clientAuth: caB },
      { names: ["*.b.test"], clientAuth: null },
    ];
    scene.contexts.take(materialOf([a, b], { hosts }), "main");
    const asA = { ...only, cert: clientA.cert, key: clientA.key };
    const first = await visit({ ...asA, servername: "a.test" });
    assert.ok(first?.session);
    assert.equal(scene.last?.isAuthorized, true);
    await visit({ ...asA, servername: "a.test", session: first.session });
    assert.deepEqual([scene.last?.isResumed, scene.last?.isAuthorized], [true, true]);
    assert.equal(await visit({ ...asA, servername: "b.test", session: first.session }), null);
    assert.equal(scene.last?.isResumed ?? false, false);
    assert.equal(await visit({ ...only, servername: "a.test" }), null, "without a certificate");
    // A lax host's session opens no strict one, however the name is spelt, and no name is no strict name.
    const lax = await visit({ ...only, servername: "x.b.test" });
    assert.ok(lax?.session);
    for (const servername of ["b.test", "B.TEST"])
      assert.equal(await visit({ ...only, servername, session: lax.session }), null);
    assert.ok(await visit(only));
    assert.equal(scene.last?.policyId, scene.contexts.policyOf(null));
    assert.notEqual(scene.contexts.policyOf("a.test"), scene.contexts.policyOf(null));
    assert.equal(scene.contexts.policyOf("x.b.test"), scene.contexts.policyOf("unknown.test"));
  });

  test(`tickets die when authorities or revocation lists of clients change (${version})`, async () => {
    const asA = { ...only, cert: clientA.cert, key: clientA.key, servername: "a.test" };
    scene.contexts.take(materialOf([a], { clientAuth: askA() }), "main");
    const first = await visit(asA);
    assert.ok(first?.session);
    const crlPem = await clientsA.revoke([clientA]);
    scene.contexts.take(materialOf([a], { clientAuth: { ...askA(), crlPem } }), "main");
    assert.equal(await visit({ ...asA, session: first.session }), null, "it is revoked");
    scene.contexts.take(materialOf([a], { clientAuth: { ...askA(), caPem: clientsB.root } }), "main");
    assert.equal(await visit({ ...asA, session: first.session }), null, "its authority is gone");
  });

  test(`a list that is out of date lets nobody in, not even by a ticket from before (${version})`, async (t) => {
    let nowMs = Date.now();
    const timed = new Scene(new ContextCache(() => nowMs));
    timed.server.listen(0, "127.0.0.1");
    await once(timed.server, "listening");
    t.after(() => timed.server.close());
    const clientAuth = { ...askA(), crlPem: await clientsA.revoke([]), crlEndMs: nowMs + 1_000 };
    timed.contexts.take(materialOf([a], { clientAuth, ticketLifetimeMs: 86_400_000 }), "main");
    const asA = { ...only, cert: clientA.cert, key: clientA.key, servername: "a.test", to: timed };
    const first = await visit(asA);
    assert.ok(first?.session);
    nowMs += 1_000;
    await visit({ ...asA, session: first.session });
    assert.notEqual((timed.last as Scene["last"])?.isResumed, true);
  });

  test(`request mode lets clients in and says what their certificate is worth (${version})`, async () => {
    scene.contexts.take(materialOf([a], { clientAuth: askA("request") }), "main");
    assert.ok(await visit({ ...only, cert: clientA.cert, key: clientA.key }));
    assert.equal(scene.last?.isAuthorized, true);
    const stranger = await clientsB.issue({ names: ["stranger"] });
    assert.ok(await visit({ ...only, cert: stranger.cert, key: stranger.key }));
    assert.equal(scene.last?.isAuthorized, false);
  });
}

test("ticket keys change with the time, everywhere at once", async (t) => {
  let nowMs = 10 * 3_600_000;
  const timed = new Scene(new ContextCache(() => nowMs));
  timed.server.listen(0, "127.0.0.1");
  await once(timed.server, "listening");
  t.after(() => timed.server.close());
  timed.contexts.take(materialOf([a]), "main");
  const first = await visit({ servername: "a.test", to: timed });
  assert.ok(first?.session);
  nowMs += 3_599_999;
  await visit({ servername: "a.test", session: first.session, to: timed });
  assert.equal((timed.last as Scene["last"])?.isResumed, true);
  nowMs += 1;
  await visit({ servername: "a.test", session: first.session, to: timed });
  assert.equal((timed.last as Scene["last"])?.isResumed, false);
});

test("unknown names are refused, or asked for, if that is configured", async () => {
  scene.contexts.take(materialOf([a], { unknownName: "refuse" }), "main");
  assert.equal(await visit({ servername: "other.test" }), null);
  assert.equal(scene.refusal, "unrecognized_name");
  assert.ok(await visit({ servername: "a.test" }));
  assert.ok(await visit(), "no name is no unknown name");
  scene.contexts.take(materialOf([a], { isOnDemand: true }), "main");
  await visit({ servername: "other.test" });
  assert.equal(scene.refusal, "awaited");
  const hello = {
    serverName: "other.test",
    alpn: [],
    cipherSuites: [],
    signatureAlgorithms: [],
    supportedVersions: [],
  };
  assert.ok("secureContext" in (scene.contexts.choose(hello, "afterWait") as object));
  scene.contexts.take(materialOf([]), "main");
  await visit({ servername: "a.test" });
  assert.equal(scene.refusal, "no_certificate");
});

test("the challenge by TLS gets its own certificate, past the rules about clients, and only its own", async () => {
  const { cert, key } = await authority.issue({ names: ["challenge.test"] });
  const material = materialOf([a], { clientAuth: askA() });
  const challenges = { http: new Map(), alpn: new Map([["a.test", { certPem: cert, keyPem: key }]]), isShared: false };
  scene.contexts.take({ ...material, challenges }, "main");
  const seen = await visit({ servername: "a.test", ALPNProtocols: [acmeTlsProtocol] });
  assert.equal(seen?.names, "DNS:challenge.test");
  assert.equal(await visit({ servername: "b.test", ALPNProtocols: [acmeTlsProtocol] }), null);
  assert.equal(await visit({ servername: "a.test", ALPNProtocols: ["http/1.1", acmeTlsProtocol] }), null);
  scene.contexts.take({ ...material, challenges: { ...challenges, isShared: true } }, "main");
  const facts = { cipherSuites: [], signatureAlgorithms: [], supportedVersions: [], alpn: [acmeTlsProtocol] };
  const hello = { serverName: "b.test", ...facts };
  assert.equal(scene.contexts.choose(hello), "awaited", "another instance may know");
  assert.deepEqual(scene.contexts.choose(hello, "afterWait"), { alert: 120, reason: "unrecognized_name" });
});

test("versions and profiles hold; the key exchange is the best that both know", async () => {
  scene.contexts.take(materialOf([a]), "main");
  const best = await visit();
  assert.equal(best?.protocol, "TLSv1.3");
  const hasQuantumSafe = Number.parseFloat(process.versions.openssl ?? "0") >= 3.5;
  // Before Node.js 26.1 a client is not told the name of a group that is no curve.
  if (best.group !== null) assert.equal(best.group, hasQuantumSafe ? "X25519MLKEM768" : "X25519");
  if (hasQuantumSafe) assert.ok(await visit({ ecdhCurve: "X25519MLKEM768" }));
  assert.equal(await visit({ minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT:@SECLEVEL=0" }), null);
  assert.equal(await visit({ maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES256-SHA" }), null);
  for (const rules of [{ profile: "modern" }, { minVersion: "1.3" }] as const) {
    scene.contexts.take(materialOf([a], rules), "main");
    assert.ok(await visit());
    assert.equal(await visit({ maxVersion: "TLSv1.2" }), null);
  }
});

test("renegotiation is refused: with another name it would carry rules over", async () => {
  scene.contexts.take(materialOf([a]), "main");
  scene.staysOpen = true;
  const { port } = scene.server.address() as AddressInfo;
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, maxVersion: "TLSv1.2" });
  await once(socket, "secureConnect");
  const error = await new Promise<unknown>((resolve) => {
    socket.on("error", resolve);
    socket.renegotiate({ rejectUnauthorized: false }, resolve);
  });
  assert.ok(error instanceof Error, String(error));
  scene.staysOpen = false;
  socket.destroy();
});

test("a staple is given until it is out of date", () => {
  let nowMs = 1_000;
  const contexts = new ServerContexts(new ContextCache(() => nowMs));
  const hello = { serverName: null, alpn: [], cipherSuites: [], signatureAlgorithms: [], supportedVersions: [] };
  contexts.take(materialOf([{ ...a, ocsp: { der: Uint8Array.of(1, 2), nextUpdateMs: 2_000 } }]), "main");
  const stapleNow = (): unknown => (contexts.choose(hello) as ContextChoice).ocsp;
  assert.deepEqual(stapleNow(), Buffer.of(1, 2));
  nowMs = 2_000;
  assert.equal(stapleNow(), null);
});

test("contexts are made once and forgotten with their certificate", () => {
  const cache = new ContextCache();
  const contexts = new ServerContexts(cache);
  const hello = { serverName: "a.test", alpn: [], cipherSuites: [], signatureAlgorithms: [], supportedVersions: [] };
  const secureContextNow = (): unknown => {
    const choice = contexts.choose(hello);
    return typeof choice === "object" && "secureContext" in choice ? choice.secureContext : null;
  };
  contexts.take(materialOf([a]), "main");
  const first = secureContextNow();
  contexts.take(materialOf([a, b]), "main");
  assert.equal(secureContextNow(), first);
  cache.retain(new Map());
  assert.notEqual(secureContextNow(), first);
});
