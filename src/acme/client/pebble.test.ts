/** The client against a real CA, which refuses many of its nonces. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { createSecureContext, createServer as createTlsServer } from "node:tls";
import { X509Certificate } from "node:crypto";
import { after, before, test } from "node:test";
import { hasPebble, PebbleServer } from "../../../test/support/pebble-server.ts";
import { createAlpnCertificate } from "../challenges/alpn-certificate.ts";
import { type Challenge, type ChallengeSolver, type ChallengeType, digestOf } from "../challenges/challenge.ts";
import { AccountKey } from "./account-key.ts";
import { openAccount } from "./account.ts";
import { AcmeError } from "./acme-error.ts";
import { AcmeSession } from "./acme-session.ts";
import { assertChain, choosePreferredChain } from "./certificate-chain.ts";
import { createCertificateRequest } from "./certificate-request.ts";
import { createHttpClient, type HttpClient } from "./https-request.ts";
import { placeOrder } from "./order.ts";
import { certificateIdOf } from "./renewal-info.ts";

const options = { skip: hasPebble ? false : "pebble is not installed" };
const clients: HttpClient[] = [];

function openSession(pebble: PebbleServer): AcmeSession {
  const http = createHttpClient({ caPem: pebble.caPem });
  clients.push(http);
  return new AcmeSession({
    directoryUrl: pebble.directoryUrl,
    http,
    key: AccountKey.generate(),
    wall: () => Date.now(),
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, 50))),
  });
}

/** Shows nothing, and notes what it is asked to. */
function noteSolver(type: ChallengeType, present: (challenge: Challenge) => void | Promise<void> = () => {}) {
  const presented: Challenge[] = [];
  const removed: Challenge[] = [];
  const solver: ChallengeSolver = {
    type,
    present: async (challenge) => {
      presented.push(challenge);
      await present(challenge);
    },
    ready: async () => {},
    remove: async (challenge) => void removed.push(challenge),
  };
  return { solver, presented, removed };
}

let pebble: PebbleServer;
before(async () => {
  if (hasPebble) pebble = await PebbleServer.start({ alternateRoots: 1 });
});
after(async () => {
  for (const client of clients) client.close();
  if (hasPebble) await pebble.close();
});

async function listen(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(pebble.httpPort, "127.0.0.1", resolve));
}

test("a certificate is issued by HTTP-01 for several names, and what was shown is taken away", options, async (t) => {
  const tokens = new Map<string, string>();
  const server = createServer((request, response) => {
    const token = /^\/\.well-known\/acme-challenge\/(.+)$/.exec(request.url ?? "")?.[1] ?? "";
    response.end(tokens.get(token) ?? "");
  });
  await listen(server);
  t.after(() => server.close());
  const session = openSession(pebble);
  await openAccount(session, { email: "me@example.com", binding: null });
  const names = ["a.example.com", "b.example.com"];
  const { csr, keyPem } = await createCertificateRequest(names, "ecdsa");
  const { solver, presented, removed } = noteSolver("http-01", ({ token, keyAuthorization }) => {
    tokens.set(token, keyAuthorization);
  });
  const answer = await placeOrder(session, { names, csr, solver, profile: null, replaces: null, isLost: () => false });
  assertChain(answer.text, { keyPem, names, wallMs: Date.now() });
  assert.deepEqual(removed, presented);
  assert.equal(presented.length, 2);
  const id = await certificateIdOf(answer.text);
  assert.match(id ?? "", /^[\w-]+\.[\w-]+$/);
});

test("a certificate of an RSA key is issued by TLS-ALPN-01, and the preferred chain is taken", options, async (t) => {
  const proofs = new Map<string, { cert: string; key: string }>();
  const server = createTlsServer({
    ALPNProtocols: ["acme-tls/1"],
    SNICallback: (name, done) => done(null, createSecureContext(proofs.get(name) ?? {})),
  });
  await new Promise<void>((resolve) => server.listen(pebble.tlsPort, "127.0.0.1", resolve));
  t.after(() => server.close());
  const session = openSession(pebble);
  await openAccount(session, { email: null, binding: null });
  const names = ["alpn.example.com"];
  const { csr, keyPem } = await createCertificateRequest(names, "rsa");
  const { solver } = noteSolver("tls-alpn-01", async (challenge) => {
    const { certPem, keyPem: proofKey } = await createAlpnCertificate(challenge, Date.now());
    proofs.set(challenge.name, { cert: certPem, key: proofKey });
  });
  const answer = await placeOrder(session, { names, csr, solver, profile: null, replaces: null, isLost: () => false });
  assertChain(answer.text, { keyPem, names, wallMs: Date.now() });
  const second = new X509Certificate(await pebble.root(1));
  const name = /CN=(.*)/.exec(second.subject)?.[1] ?? "";
  const chain = await choosePreferredChain(session, answer, name);
  assert.notEqual(chain, answer.text);
  assertChain(chain, { keyPem, names, wallMs: Date.now() });
  assert.equal(await choosePreferredChain(session, answer, "nobody"), answer.text, "the first if there is none such");
});

test("a name and its wildcard are proven by DNS-01 beside each other", options, async () => {
  const session = openSession(pebble);
  await openAccount(session, { email: null, binding: null });
  const names = ["wild.example.com", "*.wild.example.com"];
  const { csr, keyPem } = await createCertificateRequest(names, "ecdsa");
  const { solver, presented } = noteSolver("dns-01", (challenge) =>
    pebble.askNames("set-txt", {
      host: `_acme-challenge.${challenge.name}.`,
      value: digestOf(challenge).toString("base64url"),
    }),
  );
  const answer = await placeOrder(session, { names, csr, solver, profile: null, replaces: null, isLost: () => false });
  assertChain(answer.text, { keyPem, names, wallMs: Date.now() });
  assert.equal(presented.length, 2);
  assert.notEqual(presented[0]?.keyAuthorization, presented[1]?.keyAuthorization);
});

test("a proof that is not found ends the order with what the CA says, and is taken away", options, async () => {
  const session = openSession(pebble);
  await openAccount(session, { email: null, binding: null });
  const { csr } = await createCertificateRequest(["no.example.com"], "ecdsa");
  const { solver, removed } = noteSolver("http-01");
  await assert.rejects(
    placeOrder(session, { names: ["no.example.com"], csr, solver, profile: null, replaces: null, isLost: () => false }),
    (error) =>
      error instanceof AcmeError && error.type === "connection" && /no\.example\.com is invalid/.test(error.message),
  );
  assert.equal(removed.length, 1);
});

test("an account is found again by its key", options, async () => {
  const first = openSession(pebble);
  const url = await openAccount(first, { email: "me@example.com", binding: null });
  const again = new AcmeSession({
    directoryUrl: pebble.directoryUrl,
    http: clients[0] ?? assert.fail(),
    key: AccountKey.fromPem(first.key.toPem()),
    wall: () => Date.now(),
    wait: async () => {},
  });
  assert.equal(await openAccount(again, { email: "me@example.com", binding: null }), url);
});

test("an account is bound to an external one, and a missing binding is named", options, async (t) => {
  const hmacKey = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
  const strict = await PebbleServer.start({ bindings: { "kid-1": hmacKey } });
  t.after(() => strict.close());
  await assert.rejects(openAccount(openSession(strict), { email: null, binding: null }), /set `eab`/);
  const url = await openAccount(openSession(strict), { email: null, binding: { keyId: "kid-1", hmacKey } });
  assert.match(url, /^https:/);
  await assert.rejects(
    openAccount(openSession(strict), { email: null, binding: { keyId: "kid-1", hmacKey: hmacKey.replace("z", "y") } }),
    AcmeError,
  );
});

test("the server is verified", options, async () => {
  const http = createHttpClient({ caPem: null });
  clients.push(http);
  await assert.rejects(
    http.send({ method: "GET", url: pebble.directoryUrl }),
    (error) => error instanceof AcmeError && error.type === "network" && /self-signed/.test(error.message),
  );
});
